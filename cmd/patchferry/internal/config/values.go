package config

import (
	"encoding"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
)

// The words that a configuration may use. Each type refuses all other words
// when it is read.
type (
	// Role is the side of the air gap this machine stands on: near or far.
	Role string
	// Progress is how long work is shown: auto, bar, lines, json or none.
	Progress string
	// Level is the least level that is logged: debug, info, warn or error.
	Level string
	// Format is the form of the log: auto, text or json.
	Format string
	// Kind is what a source has; see the constants.
	Kind string
	// Trust is what admits files that nobody vouches for: "" for nothing,
	// first-use or capture.
	Trust string
)

// The sides of the air gap.
const (
	Near = "near" // has the Internet
	Far  = "far"  // has nothing but what is carried to it
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Role) UnmarshalText(b []byte) error {
	return word(v, b, Near, Far)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Progress) UnmarshalText(b []byte) error {
	return word(v, b, "auto", "bar", "lines", "json", "none")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Level) UnmarshalText(b []byte) error {
	return word(v, b, "debug", "info", "warn", "error")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Format) UnmarshalText(b []byte) error { return word(v, b, "auto", "text", "json") }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Trust) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = ""
		return nil
	}
	return word(v, b, "first-use", "capture")
}

func word[T ~string](v *T, b []byte, allowed ...string) error {
	if !slices.Contains(allowed, string(b)) {
		return fmt.Errorf("%q is not allowed; allowed: %s", b, strings.Join(allowed, ", "))
	}
	*v = T(b)
	return nil
}

// Date is a calendar day, "2006-01-02", or empty.
type Date layout.Date

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = ""
		return nil
	}
	d, err := layout.ParseDate(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a day; allowed: YYYY-MM-DD, for example 2004-08-25", b)
	}
	*v = Date(d)
	return nil
}

// Duration is a time span: Go's form ("90s", "24h") or days and weeks ("30d",
// "2w").
type Duration time.Duration

const day = 24 * time.Hour

// UnmarshalText implements encoding.TextUnmarshaler. Negative spans are
// refused.
func (v *Duration) UnmarshalText(b []byte) error {
	bad := fmt.Errorf("%q is not a time span; allowed: for example 90s, 15m, 24h, 30d, 2w", b)
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(string(b), "d"):
		unit = day
	case strings.HasSuffix(string(b), "w"):
		unit = 7 * day
	}
	if unit == 0 {
		d, err := time.ParseDuration(string(b))
		if err != nil || d < 0 {
			return bad
		}
		*v = Duration(d)
		return nil
	}
	n, err := strconv.ParseUint(string(b[:len(b)-1]), 10, 32)
	if err != nil || n > uint64(math.MaxInt64/int64(unit)) {
		return bad
	}
	*v = Duration(time.Duration(n) * unit)
	return nil
}

// String returns the shortest form that UnmarshalText reads back.
func (v Duration) String() string {
	d := time.Duration(v)
	for _, u := range [...]struct {
		span   time.Duration
		suffix string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.span && d%u.span == 0 {
			return fmt.Sprintf("%d%s", d/u.span, u.suffix)
		}
	}
	return d.String()
}

// Size is a number of bytes: "4096", "10MB" (10^6), "10MiB" (2^20).
type Size int64

var units = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText implements encoding.TextUnmarshaler. Fractions are allowed
// before a unit; negative sizes are refused.
func (v *Size) UnmarshalText(b []byte) error {
	bad := fmt.Errorf("%q is not a size; allowed: a number with B, kB, MB, GB, TB (powers of ten) or KiB, MiB, GiB, TiB (powers of two)", b)
	s, unit := string(b), int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(number), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/unit {
		*v = Size(n * unit)
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) || f*float64(unit) >= math.MaxInt64 || unit == 1 {
		return bad
	}
	*v = Size(f * float64(unit))
	return nil
}

// String returns the shortest exact form that UnmarshalText reads back.
func (v Size) String() string {
	for _, u := range [...]string{"TB", "TiB", "GB", "GiB", "MB", "MiB", "kB", "KiB"} {
		for _, known := range units {
			if known.suffix == u && v >= Size(known.bytes) && int64(v)%known.bytes == 0 {
				return fmt.Sprintf("%d%s", int64(v)/known.bytes, u)
			}
		}
	}
	return fmt.Sprintf("%dB", int64(v))
}

// Rate is bytes a second, written as a Size with "/s"; 0 is no limit.
type Rate int64

// UnmarshalText implements encoding.TextUnmarshaler. Without a limit: "0" or
// "".
func (v *Rate) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "" || s == "0" {
		*v = 0
		return nil
	}
	var size Size
	number, ok := strings.CutSuffix(s, "/s")
	if !ok || size.UnmarshalText([]byte(number)) != nil {
		return fmt.Errorf("%q is not a rate; allowed: a size a second, for example 10MB/s or 512KiB/s, or 0 for no limit", b)
	}
	*v = Rate(size)
	return nil
}

// String returns the form that UnmarshalText reads back.
func (v Rate) String() string {
	if v == 0 {
		return "0"
	}
	return Size(v).String() + "/s"
}

// Window is a daily span of local time in minutes after midnight, From
// included, To not; it may run over midnight.
type Window struct{ From, To int }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Window) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	f, errFrom := time.Parse("15:04", from)
	t, errTo := time.Parse("15:04", to)
	if !ok || errFrom != nil || errTo != nil || f.Equal(t) {
		return fmt.Errorf("%q is not a span of the day; allowed: HH:MM-HH:MM in local time, for example 22:00-06:00", b)
	}
	*v = Window{f.Hour()*60 + f.Minute(), t.Hour()*60 + t.Minute()}
	return nil
}

// String returns the form that UnmarshalText reads back.
func (v Window) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", v.From/60, v.From%60, v.To/60, v.To%60)
}

// List is a list of words of one vocabulary. In the environment its members
// are separated by commas.
type List[T any, P interface {
	*T
	encoding.TextUnmarshaler
}] []T

// Set reads the comma-separated form.
func (v *List[T, P]) Set(text string) error {
	list := make(List[T, P], 0)
	for _, s := range splitList(text) {
		var item T
		if err := P(&item).UnmarshalText([]byte(s)); err != nil {
			return err
		}
		list = append(list, item)
	}
	*v = list
	return nil
}

// Reread holds the members to the vocabulary (see reread).
func (v List[T, P]) Reread() error {
	for i := range v {
		if err := P(&v[i]).UnmarshalText([]byte(fmt.Sprint(v[i]))); err != nil {
			return err
		}
	}
	return nil
}

// Strings returns the members as they are written.
func (v List[T, P]) Strings() []string {
	words := make([]string, 0, len(v))
	for _, item := range v {
		words = append(words, fmt.Sprint(item))
	}
	return words
}

func splitList(text string) []string {
	words := make([]string, 0)
	for w := range strings.SplitSeq(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}
