package script_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

var (
	safeID    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,120}$`)
	safePath  = regexp.MustCompile(`^[A-Za-z0-9 ._\-+()\[\]~@#$/]{1,400}$`)
	safeTitle = regexp.MustCompile(`^[A-Za-z0-9 .,:;\-_/+=#@()\[\]]{1,120}$`)
	safeArg   = regexp.MustCompile(`^[A-Za-z0-9\-/:.,=_+{}\\$~@#]{1,400}$`)
	safeKey   = regexp.MustCompile(`^HK(LM|CR|CU|U)\\[A-Za-z0-9 ._\-+(){}\[\]$\\]{1,400}$`)
	safeHost  = regexp.MustCompile(`^(%[A-Za-z]+(\(x86\))?%|[A-Za-z]:)\\[A-Za-z0-9 ._\-+()\[\]~@#$\\]{1,400}$`)
	safeWord  = regexp.MustCompile(`^[A-Za-z0-9.-]{1,32}$`)
	safeData  = regexp.MustCompile(`^[A-Za-z0-9 ._\-+(){}\[\]$\\/:,;=@#~]{0,400}$`)
	safeText  = regexp.MustCompile(`^[\x20-\x7e]*$`)
	digits    = regexp.MustCompile(`^[0-9]{0,8}$`)
)

// checkSet holds a set to what writers of scripts may rely on.
func checkSet(t testing.TB, set *script.Set) {
	t.Helper()
	match := func(what, value string, as *regexp.Regexp) {
		if !as.MatchString(value) {
			t.Errorf("%s %q is not safe", what, value)
		}
	}
	ids := make(map[string]bool)
	for i := range set.Items {
		it := &set.Items[i]
		if ids[strings.ToLower(it.ID)] {
			t.Errorf("id %s stands twice", it.ID)
		}
		ids[strings.ToLower(it.ID)] = true
		match("id", it.ID, safeID)
		match("title", it.Title, safeTitle)
		match("kb", it.KB, digits)
		match("path", it.Path, safePath)
		match("kind", string(it.Kind), safeWord)
		if it.Order != 10*(i+1) || !strings.HasSuffix(it.Path, "/"+it.Name) {
			t.Errorf("%s: order %d, name %q of path %q", it.ID, it.Order, it.Name, it.Path)
		}
		for _, m := range it.Members {
			match("member", m.Path, safePath)
		}
		for _, os := range it.Gate.OS {
			match("system", string(os), safeWord)
		}
		for _, a := range it.Gate.Arch {
			match("architecture", string(a), safeWord)
		}
		if it.Gate.Language != "" {
			match("language", string(it.Gate.Language), safeWord)
		}
		checkRun(t, it, match)
	}
	for _, l := range set.Left {
		match("reason", l.Why, safeText)
		if l.Why == "" || l.Update == "" && len(set.Left) > 1 && slices.Contains(set.Left, script.Left{}) {
			t.Errorf("%+v says nothing", l)
		}
	}
	for _, n := range set.Notes {
		match("note", n, safeText)
	}
}

func checkRun(t testing.TB, it *script.Item, match func(string, string, *regexp.Regexp)) {
	t.Helper()
	for _, a := range it.Run.Args {
		match("argument", a, safeArg)
	}
	codes := make(map[int32]bool)
	for _, c := range it.Run.Codes {
		if codes[c.Code] || !slices.Contains(script.Results(), c.Result) {
			t.Errorf("%s: code %d stands twice or means %q", it.ID, c.Code, c.Result)
		}
		codes[c.Code] = true
	}
	for _, d := range it.Detect.Dirs {
		match("folder", d, safeHost)
	}
	for _, k := range it.Detect.Keys {
		match("key", k.Key, safeKey)
		match("value", k.Value, safeData)
		match("data", k.Data, safeData)
	}
	for _, f := range it.Detect.Files {
		match("file", f.Path, safeHost)
	}
	for _, c := range it.Remove.Commands {
		if c.Program != "" {
			match("program", c.Program, safeHost)
		}
		if c.Key != "" {
			match("key of a command", c.Key, safeKey)
		}
		for _, a := range c.Args {
			match("argument of removal", a, safeArg)
		}
	}
	if (len(it.Remove.Commands) == 0) == (it.Remove.Why == "") {
		t.Errorf("%s: %d commands remove it, and why not is %q", it.ID, len(it.Remove.Commands), it.Remove.Why)
	}
	if it.Gate.MaxSP >= 0 && it.Gate.MaxSP < it.Gate.MinSP {
		t.Errorf("%s: service packs from %d to %d", it.ID, it.Gate.MinSP, it.Gate.MaxSP)
	}
	if slices.Contains([]layout.Kind{layout.KindHotfix}, it.Kind) != it.Run.QChain {
		t.Errorf("%s: kind %s, QChain %v", it.ID, it.Kind, it.Run.QChain)
	}
}
