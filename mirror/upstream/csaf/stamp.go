package csaf

import (
	"strings"
	"time"
)

// instants are the forms of time that are found in indexes. CSAF asks for RFC
// 3339; without a zone UTC is meant.
var instants = [...]string{
	time.RFC3339, // and any fraction of a second
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	time.DateOnly,
}

// stamp brings the spellings of one time to one form, so that a publisher who
// changes nothing but the spelling has changed nothing. It returns "" for what
// is no time.
func stamp(s string) string {
	s = strings.Replace(strings.TrimSpace(s), " ", "T", 1)
	for _, form := range instants {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	return ""
}

// moment is the time of a stamp, the zero time for "".
func moment(stamp string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, stamp)
	return t
}
