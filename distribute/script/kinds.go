package script

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

func recipeFor(kind layout.Kind) *recipe {
	i := slices.IndexFunc(recipes, func(r recipe) bool { return r.kind == kind })
	if i < 0 {
		return nil
	}
	return &recipes[i]
}

// runOf says how a file is run, or why no script can run it.
func runOf(d *draft, o *Override) (Run, string) {
	r := recipeFor(d.Kind)
	if r == nil {
		return Run{}, why(d.Kind)
	}
	run := Run{Engine: r.engine, Args: r.args, Codes: r.codes, QChain: r.qchain, Log: r.log}
	problem := adjust(&run, d)
	said := d.update.Install
	if said != nil && len(said.Switches) > 0 {
		run.Args, run.Log = said.Switches, ""
	}
	if said != nil {
		run.Codes = merge(said.Codes, run.Codes)
	}
	if o != nil {
		if o.Switches != nil {
			run.Args, run.Log = o.Switches, ""
		}
		run.Codes = merge(o.Codes, run.Codes)
	}
	if run.Args == nil {
		return Run{}, cmp.Or(problem, why(d.Kind))
	}
	if i := slices.IndexFunc(run.Args, func(a string) bool { return !safeArg(a) }); i >= 0 {
		return Run{}, "a switch of it cannot stand in a script"
	}
	// The tables stay whole whatever becomes of a set.
	run.Args, run.Codes = slices.Clone(run.Args), slices.Clone(run.Codes)
	return run, ""
}

// why says why no script can run a kind.
func why(kind layout.Kind) string {
	if reason, ok := unrunnable[kind]; ok {
		return reason
	}
	if !safeWord(string(kind)) {
		return "its package kind is not known"
	}
	return fmt.Sprintf("its package kind %s is not known", kind)
}

// adjust brings a recipe to the era of a package. Where it takes the switches away
// it says why.
func adjust(run *Run, d *draft) string {
	engine := ""
	if p := d.file.Package; p != nil {
		engine = p.Engine
	}
	switch d.Kind {
	case layout.KindHotfix:
		if never(d.update.Reboot) {
			run.Codes = common
		}
	case layout.KindUpdate:
		if reaches(engine, newSwitchesSince) {
			run.Args = newSwitches
		}
		if reaches(engine, logSince) {
			run.Log = "/log:"
		}
	case layout.KindServicePack:
		if strings.HasPrefix(layout.Fold(d.file.Name), "windows6.") || reaches(engine, newSwitchesSince) {
			run.Args = newSwitches
		}
	case layout.KindDotNet:
		// The first versions want a command in quotation marks (/c:"install /q").
		if strings.TrimSuffix(layout.Fold(d.file.Name), ".exe") == "dotnetfx" {
			run.Args = nil
			return "dotnetfx.exe wants its switches in quotation marks, which no script carries: install its MSI or a later .NET"
		}
	case layout.KindIExpress:
		if strings.HasPrefix(layout.Fold(d.file.Name), "vcredist") {
			return runtime(run, d)
		}
	case layout.KindMSU:
		// wusa of Windows Vista and Server 2008 has no /log.
		if slices.ContainsFunc(d.Gate.OS, func(os layout.OS) bool { return os.Family() == "windowsvista" || os.Family() == "windowsserver2008" }) {
			run.Log = ""
		}
		if len(d.Members) > 0 {
			dism := recipeFor(layout.KindCAB)
			run.Engine, run.Args, run.Codes, run.Log = dism.engine, dism.args, dism.codes, dism.log
		}
	}
	return ""
}

// runtime tells the packages of the Visual C++ runtime apart, which had one name and
// three installers: 8 is IExpress, later ones have the switches of Windows Installer
// and restart by themselves without them.
func runtime(run *Run, d *draft) string {
	version := ""
	if p := d.file.Package; p != nil {
		version = p.Version
	}
	if !safeVersion(version) {
		run.Args = nil
		return "of which version this Visual C++ runtime is, and so its switches, is not known"
	}
	if reaches(version, "9.0") {
		run.Args = []string{"/q", "/norestart"}
	}
	return ""
}

// kindOf says what kind a file is: the operator's word, else the source's or
// what its bytes say, else its name's.
func kindOf(u *layout.Update, f *layout.File, o *Override) layout.Kind {
	if o != nil && o.Kind != "" {
		return o.Kind
	}
	kind := f.Kind
	if kind == "" {
		kind = layout.KindOf(f.Name, u)
	}
	if kind == layout.KindUpdate && servicePackOf(u, f).level > 0 && u.Classification == layout.ServicePack {
		return layout.KindServicePack
	}
	return kind
}

// serviced reports whether a cabinet is one that DISM adds: its own identity says
// so, or its name, which is that of an update of Windows.
func serviced(f *layout.File) bool {
	if p := f.Package; p != nil && p.Identity != "" {
		return true
	}
	name := layout.Fold(f.Name)
	for _, prefix := range []string{"windows6.", "windows8", "windows10.", "windows11.", "ssu-", "microsoft-windows-", "microsoft-onecore-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "-windows6.") && strings.Contains(name, "-kb")
}

// restarts reports whether a package may want a restart: what it says itself, else
// the catalog, else its kind.
func restarts(d *draft, r *recipe) bool {
	if p := d.file.Package; p != nil && p.Restart != "" {
		return p.Restart != "never"
	}
	if strings.TrimSpace(d.update.Reboot) == "" {
		return r != nil && r.reboot && !d.stack
	}
	return !never(d.update.Reboot)
}

// never reports whether a source's word on restarts is that there is none.
func never(word string) bool {
	word = layout.Fold(strings.TrimSpace(word))
	return word == "no" || word == "none" || word == "false" || strings.HasPrefix(word, "never") || strings.HasPrefix(word, "not ")
}

// merge returns the codes of first and those of rest that it does not name,
// sorted. A code whose result is none is left out.
func merge(first, rest []layout.ExitCode) []layout.ExitCode {
	var all []layout.ExitCode
	for _, c := range slices.Concat(first, rest) {
		known := slices.ContainsFunc(all, func(k layout.ExitCode) bool { return k.Code == c.Code })
		if !known && slices.Contains(Results(), c.Result) {
			all = append(all, c)
		}
	}
	return sortCodes(all)
}

func sortCodes(codes []layout.ExitCode) []layout.ExitCode {
	slices.SortFunc(codes, func(a, b layout.ExitCode) int { return cmp.Compare(a.Code, b.Code) })
	return codes
}

// parseVersion reads one to four numbers with dots between them.
func parseVersion(v string) ([4]int, bool) {
	var out [4]int
	parts := strings.Split(v, ".")
	if len(parts) > 4 {
		return out, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return out, false
		}
		out[i] = int(n)
	}
	return out, true
}

// reaches reports whether version v is known and is least or later.
func reaches(v, least string) bool {
	have, ok := parseVersion(strings.TrimSpace(v))
	want, _ := parseVersion(least)
	return ok && slices.Compare(have[:], want[:]) >= 0
}

// stem returns a file name without extension and without the digits that Windows
// Update puts at its end: a SHA-1, or 31 of unknown meaning.
func stem(name string) string {
	name = strings.TrimSuffix(name, path.Ext(name))
	if i := strings.LastIndexByte(name, '_'); i > 0 && len(name)-i > 31 && only(name[i+1:], "0123456789abcdefABCDEF", 40) {
		return name[:i]
	}
	return name
}
