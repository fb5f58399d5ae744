package distribute

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var limitStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// granted takes reports of n bytes from an address until one is refused, or until there
// were most of them, and returns how many there were and how long to wait then.
func granted(rs *reporters, from string, n int64, at time.Time, most int) (count int, wait time.Duration) {
	for count < most {
		var ok bool
		if wait, ok = rs.take(netip.MustParseAddr(from), n, at); !ok {
			return count, wait
		}
		count++
	}
	return count, 0
}

// TestReportersCount: sixty reports at once, then one a second; what was not used is not
// saved up.
func TestReportersCount(t *testing.T) {
	rs := new(reporters)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 60}, {0, 0}, {900 * time.Millisecond, 0}, {time.Second, 1}, {6 * time.Second, 5}, {time.Hour, 60}, {2 * time.Hour, 60}} {
		got, wait := granted(rs, "192.0.2.1", 1, limitStart.Add(tt.after), 1000)
		if got != tt.want || wait != time.Second {
			t.Errorf("%s after the first: %d reports and a wait of %s, want %d and a second", tt.after, got, wait, tt.want)
		}
	}
}

// TestReportersBytes: 16 MiB at once, then as much over a day; what was not used is not
// saved up.
func TestReportersBytes(t *testing.T) {
	rs := new(reporters)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 16}, {time.Hour, 0}, {91 * time.Minute, 1}, {10 * 24 * time.Hour, 16}, {40 * 24 * time.Hour, 16}} {
		got, wait := granted(rs, "192.0.2.1", 1<<20, limitStart.Add(tt.after), 50)
		if got != tt.want || wait != time.Hour {
			t.Errorf("%s after the first: %d reports of 1 MiB and a wait of %s, want %d and an hour", tt.after, got, wait, tt.want)
		}
	}
}

// TestReportersNetworks: a host has all IPv6 addresses of its network; others have what
// is theirs.
func TestReportersNetworks(t *testing.T) {
	rs := new(reporters)
	granted(rs, "2001:db8::1", 1, limitStart, 1000)
	granted(rs, "192.0.2.1", 1, limitStart, 1000)
	for from, want := range map[string]int{
		"2001:db8::ffff:2": 0, "2001:db8:0:1::1": 60, "192.0.2.1": 0, "192.0.2.2": 60,
	} {
		if got, _ := granted(rs, from, 1, limitStart, 1000); got != want {
			t.Errorf("%s may send %d reports more, want %d", from, got, want)
		}
	}
}

// TestReportersMany: who asks from many addresses is remembered as long as there is
// something to remember, and not more of them than there is room for.
func TestReportersMany(t *testing.T) {
	rs := new(reporters)
	for i := range maxReporters {
		n, most := int64(1), 1
		if i == 0 {
			n, most = 1<<20, 16
		}
		granted(rs, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), n, limitStart, most)
	}
	if got, wait := granted(rs, "192.0.2.1", 1, limitStart, 1); got != 0 || wait != time.Minute || len(rs.all) != maxReporters {
		t.Errorf("one more: %d reports and a wait of %s, %d are remembered", got, wait, len(rs.all))
	}
	later := limitStart.Add(10 * time.Minute)
	if got, _ := granted(rs, "192.0.2.1", 1, later, 1); got != 1 || len(rs.all) != 2 {
		t.Errorf("one more after ten minutes: %d reports, %d are remembered, want 1 and 2", got, len(rs.all))
	}
	if got, _ := granted(rs, "10.0.0.0", 1<<20, later, 1); got != 0 {
		t.Error("who had sent all that it may was forgotten")
	}
}

// TestReportsMeasuredAgain: what other processes add to the folder counts, though not at once.
func TestReportsMeasuredAgain(t *testing.T) {
	const line = `{"v":1,"host":"PC01","os":"windowsxp","release":"sp3","sp":3,"build":"5.1.2600","arch":"x86","lang":"EN","ring":"test","generation":3,"set":"s","result":0,"updates":[]}`
	dir := t.TempDir()
	var both [2]*Reports
	for i := range both {
		r, err := OpenReports(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.MaxSize = 3 * int64(len(line))
		both[i] = r
	}
	take := func(r *Reports) error { return r.Take([]byte(line), "192.0.2.1", limitStart) }
	if err := errors.Join(take(both[0]), take(both[1])); err != nil {
		t.Fatal(err)
	}
	both[0].measured = both[0].measured.Add(-measureEvery)
	if err := take(both[0]); !errors.Is(err, ErrReportsFull) {
		t.Errorf("where another filled the folder: got %v, want %v", err, ErrReportsFull)
	}
}
