package script

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchferry/layout"
)

const (
	hotfixKey  = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\`
	updatesKey = `HKLM\SOFTWARE\Microsoft\Updates\`
	// The same, of 32-bit installers on 64-bit systems.
	updatesKey32 = `HKLM\SOFTWARE\Wow6432Node\Microsoft\Updates\`
	// Where Windows Installer keeps what is there for the whole machine, by
	// compressed code; the same for 32-bit and 64-bit programs.
	productsKey = `HKLM\SOFTWARE\Classes\Installer\Products\`
	patchesKey  = `HKLM\SOFTWARE\Classes\Installer\Patches\`
	definitions = `HKLM\SOFTWARE\Microsoft\Windows Defender\Signature Updates`
)

var (
	guid     = regexp.MustCompile(`^\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}$`)
	identity = regexp.MustCompile(`^[A-Za-z0-9._-]{1,150}~[0-9a-fA-F]{16}~[A-Za-z0-9]{0,12}~[A-Za-z-]{0,20}~[0-9.]{1,40}$`)
)

// detectOf says how a host tells that an item is there, or why no script can ask
// it. What the source says of keys and files stands in place of what the kind does.
func detectOf(d *draft) (Detect, string) {
	var det Detect
	said := d.update.Install
	if said != nil {
		for _, f := range said.Files {
			if !safeHostPath(f.Path) || f.Version != "" && !safeVersion(f.Version) || f.Size < 0 {
				return det, "a file by which it is told that it is there cannot stand in a script"
			}
			det.Files = append(det.Files, f)
		}
	}
	if said != nil && len(said.Keys) > 0 {
		for _, k := range said.Keys {
			if !safeInstalledKey(k) {
				return det, "a key by which it is told that it is there cannot stand in a script"
			}
			det.Keys = append(det.Keys, k)
		}
	} else {
		byKind(d, &det)
	}
	if level := packLevel(d.update.IncludedIn); level > 0 && ofWindows(d.Kind) && d.Gate.onePack() {
		det.SP = level
	}
	if d.Kind == layout.KindServicePack {
		det.SP = d.pack.level
	}
	return det, ""
}

// byKind says how packages of a kind leave their traces.
func byKind(d *draft, det *Detect) {
	switch d.Kind {
	case layout.KindHotfix, layout.KindUpdate:
		articleTraces(d, det)
	case layout.KindMSU, layout.KindCAB:
		if d.KB != "" {
			det.Packages = []string{"KB" + d.KB}
		}
	case layout.KindMSI:
		if code := d.code(func(p *layout.Package) string { return p.Product }); code != "" {
			det.Products = []string{code}
			det.Keys = []layout.InstalledKey{{Key: productsKey + compressed(code)}}
		}
	case layout.KindMSP, layout.KindOffice:
		if code := d.code(func(p *layout.Package) string { return p.Patch }); code != "" {
			det.Patches = []string{code}
			det.Keys = []layout.InstalledKey{{Key: patchesKey + compressed(code)}}
		}
	case layout.KindDotNet:
		for _, below := range dotnetLists(d) {
			det.Keys = append(det.Keys, layout.InstalledKey{Key: updatesKey + below}, layout.InstalledKey{Key: updatesKey32 + below})
		}
	case layout.KindDefender:
		if p := d.file.Package; p != nil && safeVersion(p.Version) {
			det.Keys = []layout.InstalledKey{{Key: definitions, Value: "AVSignatureVersion", Data: p.Version}}
		}
	}
}

// articleTraces are the folders and keys of Hotfix.exe and Update.exe: the folder
// of the backup, the list of hotfixes, and the list by product and service pack.
func articleTraces(d *draft, det *Detect) {
	for _, article := range articles(d) {
		if strings.HasPrefix(layout.Fold(d.file.Name), "ie7-") || strings.HasPrefix(layout.Fold(d.file.Name), "ie8-") {
			version := strings.ToUpper(layout.Fold(d.file.Name)[:3])
			det.Dirs = append(det.Dirs, `%windir%\`+strings.ToLower(version)+`updates\`+article+"-"+version)
			det.Keys = append(det.Keys, layout.InstalledKey{Key: hotfixKey + article + "-" + version})
			continue
		}
		det.Dirs = append(det.Dirs, `%windir%\$NTUninstall`+article+"$")
		det.Keys = append(det.Keys, layout.InstalledKey{Key: hotfixKey + article})
		if d.Kind == layout.KindHotfix && !slices.Contains(familiesOf(d.Gate.OS), "windows2000") {
			continue
		}
		for _, below := range updateLists(d) {
			det.Keys = append(det.Keys, layout.InstalledKey{Key: updatesKey + below + `\` + article})
		}
	}
}

// articles returns the names of the article on a host: as the file calls it, both
// where the file does not say.
func articles(d *draft) []string {
	if d.KB == "" {
		return nil
	}
	name := layout.Fold(d.file.Name)
	switch {
	case strings.Contains(name, "kb"+d.KB):
		return []string{"KB" + d.KB}
	case strings.HasPrefix(name, "q"+d.KB):
		return []string{"Q" + d.KB}
	}
	return []string{"KB" + d.KB, "Q" + d.KB}
}

// updateProducts are the systems as the key Updates calls them, with the highest
// service pack below which updates stand there: one more than there ever was.
var updateProducts = []struct {
	os   layout.OS
	name string
	last int
}{
	{"windows2000", "Windows 2000", 5},
	{"windowsxp", "Windows XP", 4},
	{"windowsserver2003", "Windows Server 2003", 3},
}

// updateLists returns the keys below Updates where an item may stand: below the
// service pack that includes it where that is known, else below any of them.
func updateLists(d *draft) []string {
	var all []string
	level := packLevel(d.update.IncludedIn)
	for _, p := range updateProducts {
		if !slices.Contains(familiesOf(d.Gate.OS), p.os) {
			continue
		}
		name := p.name
		if p.os == "windowsxp" && slices.Equal(d.Gate.Arch, []layout.Arch{"x64"}) {
			name = "Windows XP Version 2003"
		}
		for n := 1; n <= p.last; n++ {
			if level == 0 || level == n {
				all = append(all, fmt.Sprintf(`%s\SP%d`, name, n))
			}
		}
	}
	return all
}

// dotnetUpdates are the names of updates of .NET with the keys below Updates where
// they stand, each before the article [blogs.msdn.com/jamshedd, 2007-06-16; the
// articles of MS11-100; learn.microsoft.com, how to determine which .NET Framework
// security updates are installed].
var dotnetUpdates = []struct{ file, key string }{
	{"ndp1.0sp3-kb", `.NETFramework\1.0\M`},
	{"ndp1.1sp1-kb", `.NETFramework\1.1\M`},
	{"ndp20sp1-kb", `Microsoft .NET Framework 2.0 Service Pack 1\SP1\KB`},
	{"ndp20sp2-kb", `Microsoft .NET Framework 2.0 Service Pack 2\SP2\KB`},
	{"ndp30sp1-kb", `Microsoft .NET Framework 3.0 Service Pack 1\SP1\KB`},
	{"ndp30sp2-kb", `Microsoft .NET Framework 3.0 Service Pack 2\SP2\KB`},
	{"ndp35sp1-kb", `Microsoft .NET Framework 3.5 SP1\SP1\KB`},
	{"ndp40-kb", `Microsoft .NET Framework 4 Client Profile\KB`},
	{"ndp40-kb", `Microsoft .NET Framework 4 Extended\KB`},
}

// dotnetLists returns the keys below Updates where an update of .NET stands. .NET
// itself leaves numbers that a script would have to compare, and stands nowhere.
func dotnetLists(d *draft) []string {
	var all []string
	for _, u := range dotnetUpdates {
		if d.KB != "" && strings.HasPrefix(layout.Fold(d.file.Name), u.file) {
			all = append(all, u.key+d.KB)
		}
	}
	return all
}

// code returns a product or patch code of the item's package where it is one.
func (d *draft) code(of func(*layout.Package) string) string {
	if d.file.Package == nil {
		return ""
	}
	code := strings.ToUpper(of(d.file.Package))
	if !guid.MatchString(code) {
		return ""
	}
	return code
}

// compressed returns the form of a code in which Windows Installer keeps it: the
// digits of the first three groups backwards, those of the others backwards by
// pairs, without braces and hyphens.
func compressed(code string) string {
	hex := strings.NewReplacer("{", "", "}", "", "-", "").Replace(code)
	var b strings.Builder
	at := 0
	for _, n := range []int{8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2} {
		for i := n - 1; i >= 0; i-- {
			b.WriteByte(hex[at+i])
		}
		at += n
	}
	return b.String()
}
