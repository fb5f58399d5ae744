package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/verify"
)

// TestDeadlines reads the table of deadlines: a severity that is written
// replaces the default whole.
func TestDeadlines(t *testing.T) {
	with := func(s layout.Severity, d layout.Deploy) layout.Deadlines {
		all := layout.DefaultDeadlines()
		all[s] = d
		return all
	}
	tests := []struct {
		name, content string
		want          layout.Deadlines
	}{
		{"default", "", layout.DefaultDeadlines()},
		{"inline", "[deadlines]\ncritical = { within = \"48h\" }\n", with(layout.Critical, layout.Deploy{Within: layout.Term{Days: 2}})},
		{"table", "[deadlines.important]\ntested = \"3mo\"\nmay_skip = true\n", with(layout.Important, layout.Deploy{Tested: layout.Term{Months: 3}, MaySkip: true})},
		{"dotted", "deadlines.moderate.within = \"2w\"\n", with(layout.Moderate, layout.Deploy{Within: layout.Term{Days: 14}})},
		{"none", "[deadlines.low]\n", with(layout.Low, layout.Deploy{})},
		{"said to be none", "[deadlines]\nlow = { or_with = false, within = \"\" }\n", with(layout.Low, layout.Deploy{})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, load(t, tt.content).Deadlines.Layout()); diff != "" {
				t.Errorf("deadlines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHooks reads programs with and without arguments.
func TestHooks(t *testing.T) {
	l := load(t, "[hooks]\non_bulletin = \"mail it\"\non_publish = [\"notify\", \"-v\", \"a b\"]\non_stale = \"\"\n")
	want := config.Hooks{
		OnBulletin: config.Program{"mail it"}, OnPublish: config.Program{"notify", "-v", "a b"},
		Timeout: config.Default().Hooks.Timeout,
	}
	if diff := cmp.Diff(want, l.Hooks); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "[[source]]") {
		t.Errorf("got the warnings %q, want only that there is no source", l.Warnings)
	}
	for _, s := range l.Settings() {
		if s.Key == "hooks.on_publish" && s.Value != `["notify", "-v", "a b"]` {
			t.Errorf("config show prints %s", s.Value)
		}
	}
}

// TestSourcesOfBulletins reads sources that announce, with what their kind
// asks for.
func TestSourcesOfBulletins(t *testing.T) {
	const more = "[[source]]\nname = \"s\"\nkind = "
	tests := []struct {
		name, content string
		profile       verify.Profile
		signed        bool
		warning       string
		places        []string
	}{
		{"mailbox", more + "\"bulletins\"\npath = \"mail\"", verify.ProfileHistorical, true, "", nil},
		{"pages", more + "\"bulletins\"\nurls = [\"https://h/a\", \"http://h/b\"]", verify.ProfileHistorical, true, "", []string{"https://h/a", "http://h/b"}},
		{"modern mails", more + "\"bulletins\"\nurl = \"https://h/a\"\nprofile = \"csaf\"", verify.ProfileCSAF, true, "", []string{"https://h/a"}},
		{"publisher", more + "\"csaf\"\nurl = \"https://h/\"", verify.ProfileCSAF, true, "", []string{"https://h/"}},
		{"publisher of old", more + "\"csaf\"\npath = \"p\"\nprofile = \"historical\"", verify.ProfileHistorical, true, "", nil},
		{"unsigned", more + "\"csaf\"\nurl = \"https://h/\"\nsigned = false", verify.ProfileCSAF, false, "", []string{"https://h/"}},
		{"unsigned and plain", more + "\"csaf\"\nurl = \"http://h/\"\nsigned = false", verify.ProfileCSAF, false, "whoever is on the way can change", []string{"http://h/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := load(t, tt.content)
			s := &l.Sources[0]
			if s.Judged() != tt.profile || s.IsSigned() != tt.signed {
				t.Errorf("got profile %s, signed %t, want %s, %t", s.Judged(), s.IsSigned(), tt.profile, tt.signed)
			}
			if diff := cmp.Diff(tt.places, s.Places()); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			if got := strings.Join(l.Warnings, " "); (got == "") != (tt.warning == "") || !strings.Contains(got, tt.warning) {
				t.Errorf("got the warnings %q, want %q", l.Warnings, tt.warning)
			}
		})
	}
}
