package layout

import (
	"fmt"
	"time"
)

// Time is an instant in UTC, whole seconds, written as RFC 3339 ("2026-11-22T08:30:00Z").
type Time struct{ t time.Time }

// At returns t as a Time, cut to whole seconds.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Second)}
}

// Time returns the instant as a time.Time in UTC.
func (t Time) Time() time.Time { return t.t }

// IsZero reports whether the time is unknown.
func (t Time) IsZero() bool { return t.t.IsZero() }

// String returns the RFC 3339 form, or "" for the zero Time.
func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.t.Format(time.RFC3339)
}

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It accepts any RFC 3339
// time and keeps it in UTC, whole seconds.
func (t *Time) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = Time{}
		return nil
	}
	v, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return fmt.Errorf("time %q is not RFC 3339: %w", b, err)
	}
	*t = At(v)
	return nil
}

// Date is a calendar day as "2006-01-02", or empty where it is unknown. Dates
// compare as strings do.
type Date string

// ParseDate checks that s is a calendar day as "2006-01-02".
func ParseDate(s string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("date %q is not YYYY-MM-DD: %w", s, err)
	}
	return Date(s), nil
}

// Time returns midnight UTC of the day, or the zero time for an empty or
// impossible date.
func (d Date) Time() time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}
