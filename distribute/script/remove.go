package script

import (
	"slices"
	"strings"

	"patchferry/layout"
)

const (
	msiexec = `%windir%\system32\msiexec.exe`
	wusa    = `%windir%\system32\wusa.exe`
	dism    = `%windir%\system32\dism.exe`
)

// removeOf says how an item is taken off again.
func removeOf(d *draft) Remove {
	quiet := []string{"-u", "-q", "-z"}
	if d.Kind == layout.KindUpdate && slices.Equal(d.Run.Args, newSwitches) {
		quiet = newSwitches
	}
	switch d.Kind {
	case layout.KindHotfix:
		r := uninstallers(d, quiet)
		// The package itself takes off what it put on, from the same backup [KB184305].
		r.Commands = append(r.Commands, Command{Args: []string{"-y", "-m", "-q", "-z"}})
		return r
	case layout.KindUpdate:
		return orWhy(uninstallers(d, quiet).Commands, "the number of its article is not known, and with it the folder of its backup")
	case layout.KindServicePack:
		return removePack(d, quiet)
	case layout.KindMSI:
		return removeProduct(d)
	case layout.KindMSP:
		return removePatch(d, "its patch code and the products that it is for are not known")
	case layout.KindOffice:
		return removePatch(d, "the package does not take itself off: its patch is removed where programs are removed, under the product's updates")
	case layout.KindMSU, layout.KindCAB:
		return removeServiced(d)
	}
	return Remove{Why: noRemoval(d.Kind)}
}

// uninstallers are the programs that Hotfix.exe and Update.exe leave with the
// backup.
func uninstallers(d *draft, args []string) Remove {
	var r Remove
	for _, dir := range d.Detect.Dirs {
		r.Commands = append(r.Commands, Command{Program: dir + `\spuninst\spuninst.exe`, Args: slices.Clone(args)})
	}
	if len(d.Detect.Dirs) > 0 || d.KB == "" {
		return r
	}
	for _, article := range articles(d) { // the source named its own keys
		r.Commands = append(r.Commands, Command{Program: `%windir%\$NTUninstall` + article + `$\spuninst\spuninst.exe`, Args: slices.Clone(args)})
	}
	return r
}

func removePack(d *draft, args []string) Remove {
	if d.vista() || slices.Equal(d.Run.Args, newSwitches) && d.onlySince7() {
		return orWhy(byArticle(d), "the number of its article is not known")
	}
	return Remove{Commands: []Command{{Program: `%windir%\$NtServicePackUninstall$\spuninst\spuninst.exe`, Args: slices.Clone(args)}}}
}

func removeProduct(d *draft) Remove {
	code := d.code(func(p *layout.Package) string { return p.Product })
	if code == "" {
		return Remove{Why: "its product code is not known"}
	}
	return Remove{Commands: []Command{{Program: msiexec, Args: []string{"/x", code, "/qn", "/norestart"}}}}
}

// maxTargets is for how many products a patch is removed by a script.
const maxTargets = 64

// removePatch takes a patch off the first of its products that is there.
func removePatch(d *draft, why string) Remove {
	patch := d.code(func(p *layout.Package) string { return p.Patch })
	var r Remove
	if patch != "" {
		for _, product := range d.file.Package.Targets[:min(len(d.file.Package.Targets), maxTargets)] {
			if product = strings.ToUpper(product); guid.MatchString(product) {
				r.Commands = append(r.Commands, Command{
					Program: msiexec, Key: productsKey + compressed(product),
					Args: []string{"/i", product, "MSIPATCHREMOVE=" + patch, "/qn", "/norestart", "REBOOT=ReallySuppress"},
				})
			}
		}
	}
	return orWhy(r.Commands, why)
}

// removeServiced takes off what Windows' own servicing put on: by the identity of
// the package where it is known, for what holds a servicing stack besides cannot
// be removed by its article; else by the article.
func removeServiced(d *draft) Remove {
	if d.stack {
		return Remove{Why: "a servicing stack update cannot be removed"}
	}
	if d.vista() {
		return Remove{Why: "wusa of Windows Vista and Server 2008 removes nothing: it is removed in the list of installed updates"}
	}
	if p := d.file.Package; p != nil && identity.MatchString(p.Identity) {
		return Remove{Commands: []Command{{Program: dism, Args: []string{"/Online", "/Remove-Package", "/PackageName:" + p.Identity, "/Quiet", "/NoRestart"}}}}
	}
	return orWhy(byArticle(d), "neither its article nor the identity of its package is known")
}

func byArticle(d *draft) []Command {
	if d.KB == "" {
		return nil
	}
	return []Command{{Program: wusa, Args: []string{"/uninstall", "/kb:" + d.KB, "/quiet", "/norestart"}}}
}

func orWhy(commands []Command, why string) Remove {
	if len(commands) > 0 {
		return Remove{Commands: commands}
	}
	return Remove{Why: why}
}

func noRemoval(kind layout.Kind) string {
	switch kind {
	case layout.KindDefender:
		return "definitions are replaced by later ones, not removed"
	case layout.KindDriverINF, layout.KindDriverCAB:
		return "the host gives a driver a name of its own (oemN.inf): find it with pnputil /enum-drivers, then pnputil /delete-driver oemN.inf /uninstall"
	case layout.KindDotNet:
		return "it is removed where programs are removed"
	}
	return "the package has no way to take itself off"
}

// vista reports whether an item is for Windows Vista or Server 2008 too.
func (d *draft) vista() bool {
	return slices.ContainsFunc(d.Gate.OS, func(os layout.OS) bool { return os.Family() == "windowsvista" || os.Family() == "windowsserver2008" })
}

// onlySince7 reports whether an item is for Windows 7, Server 2008 R2 or what came
// after them.
func (d *draft) onlySince7() bool {
	for _, os := range familiesOf(d.Gate.OS) {
		if os == "windows2000" || os == "windowsxp" || os == "windowsserver2003" {
			return false
		}
	}
	return len(d.Gate.OS) > 0
}
