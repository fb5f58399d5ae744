package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

var dueNow = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// TestDueWords says deadlines of each severity, before, between and after.
func TestDueWords(t *testing.T) {
	tests := []struct {
		name       string
		severity   layout.Severity
		released   layout.Date
		want, left string
	}{
		{"critical today", layout.Critical, "2026-03-20", "by 2026-03-21, or by 2026-04-03 when tested first", "1 day left"},
		{"critical, in its tests", layout.Critical, "2026-03-10", "by 2026-03-11, or by 2026-03-24 when tested first", "4 days left when tested first, else overdue"},
		{"critical, last day", layout.Critical, "2026-03-06", "by 2026-03-07, or by 2026-03-20 when tested first", "0 days left when tested first, else overdue"},
		{"critical, late", layout.Critical, "2026-03-05", "by 2026-03-06, or by 2026-03-19 when tested first", "overdue 1 day"},
		{"important", layout.Important, "2026-01-31", "by 2026-02-28, or by 2026-03-31 when tested first", "11 days left when tested first, else overdue"},
		{"moderate", layout.Moderate, "2026-03-10", "by 2026-07-10, or by 2026-09-10 when tested first, or with the next service pack or roll-up that includes it", "112 days left"},
		{"low", layout.Low, "2026-03-10", "with the next service pack or roll-up that includes it; may be skipped as irrelevant", "with the next service pack; may be skipped"},
		{"no severity", "", "2026-03-10", "", ""},
		{"unknown severity", "Recommended", "2026-03-10", "", ""},
		{"no release", layout.Critical, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			due := layout.DefaultDeadlines().Due(tt.severity, tt.released)
			if got := dueWords(due); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := leftWords(due, dueNow); got != tt.left {
				t.Errorf("got %q, want %q", got, tt.left)
			}
		})
	}
}

// say makes a notice with one bulletin that names KB 1.
func say(name string, v layout.Verdict, s layout.Severity, released layout.Date) *layout.Notice {
	return &layout.Notice{
		ID: "s:" + name + string(v), Verdict: v, Original: layout.ObjectRef{SHA256: layout.DigestOf([]byte(name))},
		Bulletins: []layout.Bulletin{{Name: name, Severity: s, Released: released, KBs: []string{"1"}, CVEs: []string{"CVE-2026-1"}}},
	}
}

// TestDueOfUpdate chooses the deadline that counts.
func TestDueOfUpdate(t *testing.T) {
	announcedOnly := say("A", layout.Valid, layout.Critical, "2026-03-01")
	announcedOnly.Bulletins[0].Status = layout.StatusAnnounced
	own := layout.Update{ID: "s:u", KB: "1", Severity: layout.Important, Released: "2026-03-02"}
	tests := []struct {
		name    string
		notices []*layout.Notice
		update  layout.Update
		by      layout.Date
		from    string
	}{
		{"nobody says", nil, layout.Update{ID: "s:u"}, "", ""},
		{"its own", nil, own, "2026-04-02", "update"},
		{"a bulletin", []*layout.Notice{say("A", layout.Valid, layout.Critical, "2026-03-01")}, own, "2026-03-02", "bulletin A"},
		{"a milder bulletin", []*layout.Notice{say("A", layout.Valid, layout.Moderate, "2026-03-01")}, own, "2026-07-01", "bulletin A"},
		{"the earlier of two", []*layout.Notice{say("A", layout.Valid, layout.Important, "2026-03-01"), say("B", layout.Valid, layout.Critical, "2026-03-03")}, own, "2026-03-04", "bulletin B"},
		{"signed before unsigned", []*layout.Notice{say("A", layout.Unsigned, layout.Critical, "2026-03-01"), say("B", layout.Valid, layout.Important, "2026-03-03")}, own, "2026-04-03", "bulletin B"},
		{"unsigned after signed", []*layout.Notice{say("A", layout.Valid, layout.Important, "2026-03-03"), say("B", layout.Unsigned, layout.Critical, "2026-03-01")}, own, "2026-04-03", "bulletin A"},
		{"unsigned alone", []*layout.Notice{say("A", layout.Unsigned, layout.Critical, "2026-03-01")}, own, "2026-03-02", "bulletin A"},
		{"only announced", []*layout.Notice{announcedOnly}, own, "2026-04-02", "update"},
		{"without severity", []*layout.Notice{say("A", layout.Valid, "", "2026-03-01")}, own, "2026-04-02", "update"},
		{"by its name", []*layout.Notice{say("MS1", layout.Valid, layout.Critical, "2026-03-01")}, layout.Update{ID: "s:u", Bulletins: []string{"ms1"}}, "2026-03-02", "bulletin MS1"},
		{"by a vulnerability alone", []*layout.Notice{say("A", layout.Valid, layout.Critical, "2026-03-01")}, layout.Update{ID: "s:u", CVEs: []string{"CVE-2026-1"}}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := announcing(tt.notices).dueOfUpdate(layout.DefaultDeadlines(), &tt.update)
			if got.DeployBy != tt.by || got.From != tt.from {
				t.Errorf("got %q from %q, want %q from %q", got.DeployBy, got.From, tt.by, tt.from)
			}
		})
	}
}

// TestReplacing: what is unsigned replaces nothing that is signed.
func TestReplacing(t *testing.T) {
	old, signed, unsigned := say("OLD", layout.Valid, layout.Low, "2026-01-01"), say("NEW", layout.Valid, layout.Low, "2026-02-01"), say("FORGED", layout.Unsigned, layout.Low, "2026-03-01")
	signed.Bulletins[0].Supersedes, unsigned.Bulletins[0].Supersedes = []string{"old"}, []string{"OLD", "NEW"}
	a := announcing([]*layout.Notice{old, signed, unsigned})
	if diff := cmp.Diff([]string{"NEW"}, a.replacing(old, &old.Bulletins[0])); diff != "" {
		t.Errorf("replaced by (-want +got):\n%s", diff)
	}
	if got := a.replacing(signed, &signed.Bulletins[0]); got != nil {
		t.Errorf("the signed one is replaced by %q", got)
	}
}

// TestLedger groups updates by article and counts what is held.
func TestLedger(t *testing.T) {
	here, listed := layout.File{Name: "a", Held: true}, layout.File{Name: "b"}
	l := &ledger{
		deadlines: layout.DefaultDeadlines(), now: dueNow, said: announcing([]*layout.Notice{say("A", layout.Valid, layout.Critical, "2026-03-01")}),
		bulletins: map[int]*duty{}, updates: map[string]*duty{},
	}
	l.announced()
	for _, u := range []layout.Update{
		{ID: "s:1", KB: "1", Files: []layout.File{here}},
		{ID: "s:2", KB: "1", Files: []layout.File{here, listed}},
		{ID: "s:3", KB: "2", Severity: layout.Moderate, Released: "2026-03-01", Files: []layout.File{here}},
		{ID: "s:4", KB: "2", Severity: layout.Important, Released: "2026-03-01"},
		{ID: "s:5", Severity: layout.Low, Released: "2026-03-01", CVEs: []string{"CVE-2026-1"}},
		{ID: "s:6", Released: "2026-03-01"},
	} {
		l.enter(&u)
	}
	type count struct {
		By            layout.Date
		Updates, Held int
		From          string
	}
	got := map[string]count{}
	for _, d := range l.bulletins {
		got[d.Name] = count{d.DeployBy, d.Updates, d.Held, d.From}
	}
	for _, d := range l.updates {
		got[d.Name] = count{d.DeployBy, d.Updates, d.Held, d.From}
	}
	want := map[string]count{
		"A":   {"2026-03-02", 2, 1, fromBulletin},
		"KB2": {"2026-04-01", 2, 1, fromUpdate},
		"s:5": {"", 1, 0, fromUpdate},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("duties (-want +got):\n%s", diff)
	}
}

// TestOneLine makes one line of anybody's words.
func TestOneLine(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       string
	}{
		{"plain", "MS08-067: Vulnerability", 0, "MS08-067: Vulnerability"},
		{"header injection", "a\r\nBcc: b@example.net\n\nbody", 0, "a Bcc: b@example.net body"},
		{"terminal", "\x1b[2J\x1b]0;x\x07ok\x7f", 0, "[2J]0;xok"},
		{"direction", "a\u202eb\u2066c\ufeffd\u200be", 0, "abcde"},
		{"other blanks", " a\u00a0b\u2028c\td ", 0, "a b c d"},
		{"no characters", "a\xff\xfeb", 0, "ab"},
		{"umlauts", "Sicherheitslücke", 0, "Sicherheitslücke"},
		{"cut at a character", "ééééé", 8, "éé…"},
		{"as long as allowed", "éééé", 8, "éééé"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := oneLine(tt.text, tt.limit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzOneLine: whatever comes in, one line of at most that many bytes goes out.
func FuzzOneLine(f *testing.F) {
	f.Add("a\r\nb\u202e\xff", 5)
	f.Add("ééé", 4)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got := oneLine(text, limit)
		if limit > 3 && len(got) > limit {
			t.Errorf("%d bytes, more than %d", len(got), limit)
		}
		for _, r := range got {
			if r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028' {
				t.Errorf("%U in %q", r, got)
			}
		}
	})
}
