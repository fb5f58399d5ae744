package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ReportVersion is the version of the reports that are written and read here.
const ReportVersion = 1

// MaxReport is how large the line of a report may be, in bytes with its end. That is
// room for some 1,500 updates, and never for 3,000.
const MaxReport = 64 << 10

// Report is what one host says of itself after a run of a script: one line of JSON
// (docs/reports.md). It is the host's claim and proves nothing; nothing that is served
// depends on it. What ParseReport returns keeps to the alphabets that are named here, so
// that it can be shown anywhere.
type Report struct {
	Version    int              `json:"v"`
	Host       string           `json:"host"`              // 1 to 64 of A-Z a-z 0-9 . _ -
	OS         OS               `json:"os,omitempty"`      // family: 32 of a-z 0-9 . -; "": the script does not know it
	Release    string           `json:"release,omitempty"` // of the family, "sp4", "22h2": 16 of the same
	SP         int              `json:"sp"`                // service pack, 0 to 99
	Build      string           `json:"build,omitempty"`   // "5.0.2195": 32 digits and dots
	Arch       Arch             `json:"arch,omitempty"`    // 16 of a-z 0-9 _ -
	Language   Language         `json:"lang,omitempty"`    // 35 letters, digits and hyphens
	Ring       string           `json:"ring,omitempty"`    // 32 of a-z 0-9 -
	Generation uint64           `json:"generation"`        // of the set that ran
	Set        string           `json:"set,omitempty"`     // its name: 128 of A-Z a-z 0-9 . _ -
	Result     int32            `json:"result"`            // exit status of the script: 0, 3010, 1618 or 1
	Updates    []ReportedUpdate `json:"updates,omitempty"`
}

// ReportedUpdate is what became of one item of a set.
type ReportedUpdate struct {
	ID    string  `json:"id"`    // of the item (script.Item.ID): 1 to 128 of A-Z a-z 0-9 . _ -
	State Outcome `json:"state"` // 1 to 24 of a-z and -
	Code  int32   `json:"code"`  // exit code of the installer; 0 also where none ran
}

// Outcome says what became of an item on a host. Words that are not listed here are
// kept, and count as not done.
type Outcome string

// The outcomes. The last two are those of validate scripts alone.
const (
	OutcomeInstalled     Outcome = "installed"      // it was there already
	OutcomeOK            Outcome = "ok"             // it was installed
	OutcomeReboot        Outcome = "reboot"         // it was installed, and the host must restart
	OutcomePresent       Outcome = "present"        // its installer says that it is there
	OutcomeNotApplicable Outcome = "not-applicable" // it is not for this host
	OutcomeRetry         Outcome = "retry"          // another installation was running
	OutcomeFailed        Outcome = "failed"
	OutcomeMissing       Outcome = "missing" // there was no package; of a validate script: it is not installed
	OutcomeBad           Outcome = "bad"     // the package has a wrong size or digest
	OutcomeWaiting       Outcome = "waiting" // behind a barrier
	OutcomeReplaced      Outcome = "replaced"
	OutcomeUnknown       Outcome = "unknown"
)

// Done reports whether nothing is left to do on the host: not where it still must
// restart.
func (o Outcome) Done() bool {
	switch o {
	case OutcomeInstalled, OutcomeOK, OutcomePresent, OutcomeNotApplicable, OutcomeReplaced:
		return true
	}
	return false
}

// Failing reports whether somebody must look after the host.
func (o Outcome) Failing() bool { return o == OutcomeFailed || o == OutcomeBad }

// ReportVersionError is a report in a version that is not known here. It may be right.
type ReportVersionError struct{ Version int }

func (e *ReportVersionError) Error() string {
	return fmt.Sprintf("version %d of reports is not known here, only version %d", e.Version, ReportVersion)
}

// ParseReport reads one report. It is strict: a member that is not known, or stands
// twice, or does not keep to its alphabet or its limit, is an error. Only what scripts
// of old systems cannot help is accepted: a byte order mark of UTF-8 before the line,
// and CR, LF and blanks behind it. A version that is not known is *ReportVersionError.
func ParseReport(line []byte) (*Report, error) {
	if len(line) > MaxReport {
		return nil, fmt.Errorf("the report has %d bytes, at most %d are read", len(line), MaxReport)
	}
	line = bytes.Trim(bytes.TrimPrefix(line, []byte("\ufeff")), " \t\r\n")
	if len(line) == 0 {
		return nil, errors.New("the report is empty")
	}
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errors.New("the report is not one line")
	}
	var peek struct {
		Version *int `json:"v"`
	}
	if err := json.Unmarshal(line, &peek); err != nil {
		return nil, fmt.Errorf("the report is no JSON: %w", err)
	}
	if peek.Version == nil {
		return nil, errors.New(`the report says no version ("v")`)
	}
	if *peek.Version != ReportVersion {
		return nil, &ReportVersionError{*peek.Version}
	}
	r := new(Report)
	if err := decodeJSON(line, r, false); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, nil
}

// Line returns the report as ParseReport reads it, with a newline.
func (r *Report) Line() ([]byte, error) { return appendJSON(nil, r, "") }

// alphabet is the bytes that a member may have.
type alphabet struct {
	words string // for people
	has   [256]bool
}

func newAlphabet(words, bytes string) *alphabet {
	a := &alphabet{words: words}
	for i := range len(bytes) {
		a.has[bytes[i]] = true
	}
	return a
}

const (
	smallLetters = "abcdefghijklmnopqrstuvwxyz"
	allLetters   = smallLetters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	allDigits    = "0123456789"

	maxReportName = 128
	maxOutcome    = 24
)

// The alphabets of a report.
var (
	reportNames   = newAlphabet("A-Z a-z 0-9 . _ -", allLetters+allDigits+"._-")
	reportSystems = newAlphabet("a-z 0-9 . -", smallLetters+allDigits+".-")
	reportBuilds  = newAlphabet("0-9 .", allDigits+".")
	reportArches  = newAlphabet("a-z 0-9 _ -", smallLetters+allDigits+"_-")
	reportTongues = newAlphabet("A-Z a-z 0-9 -", allLetters+allDigits+"-")
	reportRings   = newAlphabet("a-z 0-9 -", smallLetters+allDigits+"-")
	reportStates  = newAlphabet("a-z -", smallLetters+"-")
)

// Check holds a report of this version to the alphabets and limits of its members.
func (r *Report) Check() error {
	for _, m := range [...]struct {
		member, value string
		allowed       *alphabet
		least, most   int
	}{
		{"host", r.Host, reportNames, 1, 64},
		{"os", string(r.OS), reportSystems, 0, 32},
		{"release", r.Release, reportSystems, 0, 16},
		{"build", r.Build, reportBuilds, 0, 32},
		{"arch", string(r.Arch), reportArches, 0, 16},
		{"lang", string(r.Language), reportTongues, 0, 35},
		{"ring", r.Ring, reportRings, 0, 32},
		{"set", r.Set, reportNames, 0, maxReportName},
	} {
		if err := m.allowed.check(m.member, m.value, m.least, m.most); err != nil {
			return err
		}
	}
	if r.SP < 0 || r.SP > 99 {
		return fmt.Errorf(`member "sp" of the report is %d; allowed: 0 to 99`, r.SP)
	}
	for i := range r.Updates {
		u := &r.Updates[i]
		if err := reportNames.check("id", u.ID, 1, maxReportName); err != nil {
			return err
		}
		if err := reportStates.check("state", string(u.State), 1, maxOutcome); err != nil {
			return err
		}
	}
	return nil
}

func (a *alphabet) check(member, value string, least, most int) error {
	if len(value) < least || len(value) > most {
		return fmt.Errorf("member %q of the report has %d bytes; allowed: %d to %d", member, len(value), least, most)
	}
	for i := range len(value) {
		if !a.has[value[i]] {
			return fmt.Errorf("member %q of the report is %q, which has byte %#02x; allowed: %s", member, value, value[i], a.words)
		}
	}
	return nil
}

// System returns the family and release that the host names, as far as both are known
// to the catalog: "windows2000-sp4".
func (r *Report) System() OS {
	if r.Release == "" {
		return r.OS
	}
	return r.OS + "-" + OS(r.Release)
}

// Count returns how many updates have each outcome.
func (r *Report) Count() map[Outcome]int {
	count := make(map[Outcome]int)
	for _, u := range r.Updates {
		count[u.State]++
	}
	return count
}

// Failing reports whether the script failed, or something that it installed.
func (r *Report) Failing() bool {
	return r.Result != 0 && r.Result != 3010 && r.Result != 1618 ||
		slices.ContainsFunc(r.Updates, func(u ReportedUpdate) bool { return u.State.Failing() })
}
