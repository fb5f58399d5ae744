package layout_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

// reportLine is a report as install.cmd writes it.
const reportLine = `{"v":1,"host":"PC01","os":"windows2000","release":"sp4","sp":4,"build":"5.0.2195","arch":"x86","lang":"EN","ring":"production","generation":12,` +
	`"set":"host-windows2000-x86-EN","result":3010,"updates":[{"id":"KB824146","state":"ok","code":0},{"id":"KB1","state":"failed","code":-2145124329}]}`

func TestParseReport(t *testing.T) {
	want := &layout.Report{
		Version: 1, Host: "PC01", OS: "windows2000", Release: "sp4", SP: 4, Build: "5.0.2195", Arch: "x86", Language: "EN", Ring: "production",
		Generation: 12, Set: "host-windows2000-x86-EN", Result: 3010,
		Updates: []layout.ReportedUpdate{{"KB824146", layout.OutcomeOK, 0}, {"KB1", layout.OutcomeFailed, -2145124329}},
	}
	for name, line := range map[string]string{
		"as it is": reportLine, "with a newline": reportLine + "\n", "of cmd": "\ufeff" + reportLine + "  \r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := layout.ParseReport([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got.Failing() || got.System() != "windows2000-sp4" || got.Count()[layout.OutcomeOK] != 1 {
				t.Errorf("failing %v, %s, %v", got.Failing(), got.System(), got.Count())
			}
		})
	}
}

func TestParseReportRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(reportLine, old, new, 1) }
	for name, tt := range map[string]struct{ line, want string }{
		"nothing":          {"", "empty"},
		"a mark alone":     {"\ufeff\r\n", "empty"},
		"two marks":        {"\ufeff\ufeff" + reportLine, "no JSON"},
		"two lines":        {reportLine + "\r\n" + reportLine, "not one line"},
		"cut short":        {reportLine[:80], "no JSON"},
		"two objects":      {reportLine + reportLine, "no JSON"},
		"a list":           {"[" + reportLine + "]", "no JSON"},
		"null":             {"null", "no version"},
		"no version":       {change(`"v":1,`, ""), "no version"},
		"unknown member":   {change(`"sp":4`, `"sp":4,"user":"x"`), `"user"`},
		"member twice":     {change(`"sp":4`, `"sp":4,"SP":5`), "stands twice"},
		"no host":          {change(`PC01`, ``), `"host"`},
		"host of a path":   {change(`PC01`, `..\\x`), `"host"`},
		"a formula":        {change(`PC01`, `=1+1`), `"host"`},
		"host of script":   {change(`PC01`, `<script>`), `"host"`},
		"a code page":      {change(`PC01`, "PC\xe4"), `"host"`},
		"a control byte":   {change(`PC01`, `PC\u001b[2J`), `"host"`},
		"service pack 100": {change(`"sp":4`, `"sp":100`), `"sp"`},
		"fraction":         {change(`"sp":4`, `"sp":4.5`), "sp"},
		"large code":       {change(`-2145124329`, `4294967296`), "code"},
		"long id":          {change(`KB824146`, strings.Repeat("K", 129)), `"id"`},
		"no id":            {change(`KB824146`, ""), `"id"`},
		"state in words":   {change(`"ok"`, `"went well"`), `"state"`},
		"too large":        {reportLine + strings.Repeat(" ", layout.MaxReport), "bytes, at most"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := layout.ParseReport([]byte(tt.line)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

// TestReportVersion tells what is newer from what is damaged.
func TestReportVersion(t *testing.T) {
	_, err := layout.ParseReport([]byte(`{"v":2,"hosts":["a","b"]}`))
	if newer, ok := errors.AsType[*layout.ReportVersionError](err); !ok || newer.Version != 2 {
		t.Errorf("got %v", err)
	}
}

func TestOutcome(t *testing.T) {
	for o, want := range map[layout.Outcome]string{
		"installed": "done", "ok": "done", "present": "done", "not-applicable": "done", "replaced": "done",
		"reboot": "", "retry": "", "missing": "", "waiting": "", "unknown": "", "something new": "", "failed": "failing", "bad": "failing",
	} {
		if o.Done() != (want == "done") || o.Failing() != (want == "failing") {
			t.Errorf("%s: done %v, failing %v", o, o.Done(), o.Failing())
		}
	}
}

// TestReportFailing: a restart and another installation that runs are no failures; a
// failed update is one, whatever the script answered.
func TestReportFailing(t *testing.T) {
	for _, tt := range []struct {
		result int32
		states []layout.Outcome
		want   bool
	}{
		{0, nil, false}, {3010, nil, false}, {1618, nil, false}, {1, nil, true}, {-1, nil, true},
		{0, []layout.Outcome{"ok", "failed"}, true}, {3010, []layout.Outcome{"bad"}, true}, {1618, []layout.Outcome{"reboot", "waiting", "retry"}, false},
	} {
		r := layout.Report{Result: tt.result}
		for _, state := range tt.states {
			r.Updates = append(r.Updates, layout.ReportedUpdate{State: state})
		}
		if r.Failing() != tt.want {
			t.Errorf("result %d, outcomes %q: failing %v, want %v", tt.result, tt.states, r.Failing(), tt.want)
		}
	}
}

// FuzzParseReport holds whatever is read to its alphabets, and to reading the same again.
func FuzzParseReport(f *testing.F) {
	f.Add([]byte(reportLine))
	f.Add([]byte("\ufeff" + reportLine + "\r\n"))
	f.Add([]byte(`{"v":1,"host":"_x","updates":[{"id":"a","state":"b-c"}]}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := layout.ParseReport(line)
		if err != nil {
			return
		}
		if strings.ContainsAny(fmt.Sprint(*r), "\"'<>&|^%!=+\\/\r\n\x1b\u202e") {
			t.Errorf("%+v", *r)
		}
		again, err := r.Line()
		if err != nil || bytes.Count(again, []byte("\n")) != 1 {
			t.Fatalf("%q, %v", again, err)
		}
		if len(again) > layout.MaxReport { // what was left out is written
			return
		}
		back, err := layout.ParseReport(again)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Updates) == 0 {
			r.Updates = nil // as none is written
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}
