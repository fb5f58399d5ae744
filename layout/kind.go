package layout

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// kindByExtension are the kinds that an extension settles.
var kindByExtension = map[string]Kind{
	".msu": KindMSU, ".msp": KindMSP, ".msi": KindMSI, ".psf": KindPSF, ".esd": KindESD, ".wim": KindWIM, ".swm": KindWIM,
	".iso": KindISO, ".img": KindISO, ".zip": KindZIP, ".inf": KindDriverINF,
}

// exeKinds are the families of program names, folded and without extension;
// the first that matches has it.
var exeKinds = []struct {
	name *regexp.Regexp
	kind Kind
}{
	{regexp.MustCompile(`^(mpam-|mpas-|nis_full|nis-|updatedefenderplatform|securityhealthsetup)`), KindDefender},
	{regexp.MustCompile(`^(ndp|dotnetfx|netfx|dotnet-|dotnet|aspnetcore-|windowsdesktop-runtime)`), KindDotNet},
	{regexp.MustCompile(`^(w2ksp\d|xpsp\d|sp6i386|sp6ai386|(windows[a-z]*[0-9.]*|q\d+|kb\d+).*[-_](kb835935-sp2|kb936929-sp3|kb889101-sp1|kb914961-sp2)\b)`), KindServicePack},
	{regexp.MustCompile(`^windows6\.\d-kb(936330|948465|976932)`), KindServicePack},
	{regexp.MustCompile(`^q\d+_w2k_sp[123]_`), KindHotfix},
	{regexp.MustCompile(`^q\d{6}(i|engi386|engi)$`), KindHotfix},
	{regexp.MustCompile(`^q\d+_(w2k|wxp|ws03|w2k3)_`), KindUpdate},
	{regexp.MustCompile(`^ie(5|6)[.0-9a-z]*-`), KindIExpress},
	{regexp.MustCompile(`^(windowsxp|windowsserver2003|windows2000|windows-kb|windowsmedia|ie[78]-windows(xp|server2003)).*kb\d`), KindUpdate},
	{regexp.MustCompile(`^([a-z]+(2007|2010|2013|2016|2019)|compatibilitypack)(sp\d)?-kb\d+-fullfile`), KindOffice},
	{regexp.MustCompile(`-kb\d+-fullfile-(x86|x64)-glb`), KindOffice},
	{regexp.MustCompile(`^(q\d{5,7}|\d{6}us(a|am)?\d?)$`), KindIExpress},
	{regexp.MustCompile(`^[a-z0-9.]+-kb\d+.*-(client|fullfile)-[a-z]{3}$`), KindIExpress},
	{regexp.MustCompile(`^(msxml\d|mdac\d|oe6|vcredist|wic_)`), KindIExpress},
}

// KindOf says from its name how a file is installed. The update, which may be
// nil, tells drivers from the rest. Where the name does not say, it is KindExe
// for a program and empty for anything else; what the bytes say is the word of
// mirror/inspect.
func KindOf(fileName string, u *Update) Kind {
	name := strings.TrimSpace(Fold(fileName))
	driver := u != nil && u.Type == Drivers
	ext := path.Ext(name)
	if kind, ok := kindByExtension[ext]; ok {
		return kind
	}
	switch {
	case ext == ".cab" && driver:
		return KindDriverCAB
	case ext == ".cab":
		return KindCAB
	case ext != ".exe":
		return ""
	case driver:
		return KindDriverExe
	}
	stem := strings.TrimSuffix(name, ext)
	i := slices.IndexFunc(exeKinds, func(k struct {
		name *regexp.Regexp
		kind Kind
	}) bool {
		return k.name.MatchString(stem)
	})
	if i < 0 {
		return KindExe
	}
	return exeKinds[i].kind
}
