package config

import (
	"strconv"
	"time"
)

// FillMode says what serve does about a listed file that a host asks for: stream
// hands it out while it comes, verified when it was found right, off fetches nothing.
type FillMode string

// The modes.
const (
	FillStream   FillMode = "stream"
	FillVerified FillMode = "verified"
	FillOff      FillMode = "off"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *FillMode) UnmarshalText(b []byte) error {
	return word(v, b, string(FillStream), string(FillVerified), string(FillOff))
}

// Filling says how serve fetches what hosts ask for.
type Filling struct {
	Mode     FillMode `toml:"mode"`
	Quota    Size     `toml:"quota"` // 0 is half of what is free when serve starts
	Idle     Duration `toml:"idle"`
	Patience Duration `toml:"patience"`
	Parts    int      `toml:"parts"` // of one file, at once
}

func defaultFilling() Filling {
	return Filling{Mode: FillStream, Idle: Duration(10 * time.Minute), Patience: Duration(5 * time.Minute), Parts: 64}
}

func (f *Filling) fields() []field {
	return []field{
		{"fill.mode", &f.Mode, "What serve does on a near side when a host asks for a file that is listed and not here: stream fetches it and hands it out meanwhile, all but its end; verified hands it out when the whole was found right; off fetches nothing. A far side never fetches."},
		{"fill.quota", &f.Quota, "How large files may be in all that are here in part, for example 50GB, well above the largest file; 0 is half of what is free on the disk when serve starts."},
		{"fill.idle", &f.Idle, "How long a file is still fetched that no host wants any more; what is here of it is kept, and gone on with when one asks again."},
		{"fill.patience", &f.Patience, "How long hosts wait for a publisher that went away in the middle of a file."},
		{"fill.parts", &f.Parts, "How many parts of one file are fetched at the same time, where hosts want as many."},
	}
}

// filling holds the keys of fills to what they can mean.
func (c *checker) filling() {
	f := &c.l.Filling
	if f.Parts < 1 || f.Parts > 256 {
		c.fail("fill.parts", strconv.Itoa(f.Parts), "allowed: 1 to 256")
	}
	for _, span := range []struct {
		key   string
		value Duration
	}{{"fill.idle", f.Idle}, {"fill.patience", f.Patience}} {
		if span.value == 0 {
			c.fail(span.key, `"0s"`, "allowed: more than 0")
		}
	}
	if _, written := c.l.origins["fill.mode"]; written && c.l.Role == Far && f.Mode != FillOff {
		c.fail("fill.mode", strconv.Quote(string(f.Mode)), "a far side fetches nothing; allowed: off")
	}
}
