package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/verify"
)

// checkHooks looks for the programs of the hooks: a missing pre_publish stops
// every publication, and a missing notification tells nobody.
func checkHooks(c *config.Config) []finding {
	h := hooks{config: c}
	var findings []finding
	for _, event := range []string{onBulletin, onPublish, onImport, onStale, prePublish} {
		program := h.program(event)
		if len(program) == 0 {
			continue
		}
		f := finding{Check: "hook " + event, Result: "ok", Detail: c.Path(program[0])}
		info, err := os.Stat(c.Path(program[0]))
		switch {
		case err != nil:
			f.Result, f.Detail = "fail", err.Error()
			f.Next = "put the program there, or change hooks." + event
		case !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
			f.Result, f.Detail = "fail", f.Detail+" cannot be run"
			f.Next = "chmod +x " + c.Path(program[0])
		case writableByOthers(info):
			f.Result, f.Detail = "warn", f.Detail+" can be changed by everybody"
			f.Next = "chmod o-w " + c.Path(program[0])
		}
		findings = append(findings, f)
	}
	return findings
}

func writableByOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode()&0o002 != 0
}

// checkBulletinPins finds sources whose bulletins cannot count, as no key is
// pinned for them.
func checkBulletinPins(c *config.Config, pins *verify.Pins) []finding {
	var findings []finding
	for i := range c.Sources {
		s := &c.Sources[i]
		if !s.Kind.Announces() || !s.IsEnabled() || !s.IsSigned() {
			continue
		}
		f := finding{Check: "pins of " + s.Name, Result: "ok"}
		n := 0
		for _, p := range pins.For(verify.PurposeBulletin) {
			if matches, _ := path.Match(p.Source, s.Name); matches || p.Source == "" {
				n++
			}
		}
		f.Detail = plural(n, "key", "keys") + " pinned for its bulletins"
		if n == 0 {
			f.Result = "warn"
			f.Detail = fmt.Sprintf("no key is pinned for source %s: its documents announce nothing", s.Name)
			f.Next = "patchferry key list --found, then patchferry key pin FINGERPRINT --purpose bulletin --source " + s.Name
		}
		findings = append(findings, f)
	}
	return findings
}

// keyEndSoon is how long before the end of a pinned key doctor warns: CSAF 2.1
// asks publishers for keys that hold 90 days at least (section 7.1.20).
const keyEndSoon = 90 * 24 * time.Hour

// checkKeyEnds finds pinned keys that will soon be of no use.
func checkKeyEnds(trust *verify.Trust, now time.Time) []finding {
	var findings []finding
	for _, c := range trust.Keys.Certificates() {
		pinned := slices.ContainsFunc(trust.Pins.All(), func(p verify.Pin) bool { return p.Fingerprint == c.Fingerprint })
		left := c.Expires.Time().Sub(now)
		if !pinned || c.Expires.IsZero() || left <= 0 || left > keyEndSoon {
			continue
		}
		findings = append(findings, finding{
			Check: "end of a key", Result: "warn",
			Detail: fmt.Sprintf("%s expires on %s, in %s; what it signs later is refused", c.Fingerprint, day(c.Expires), plural(int(left.Hours()/24), "day", "days")),
			Next:   "ask its owner for the renewed certificate, then patchferry key add FILE",
		})
	}
	return findings
}
