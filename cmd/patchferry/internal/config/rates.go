package config

import (
	"fmt"
	"strings"
	"time"

	"patchferry/mirror/upstream"
)

// Rates is a rate that may depend on the time of day: "20MB/s", or "20MB/s,
// 06:00-18:00 1MB/s". The first window that is open counts, else the rate without
// one, else there is no limit.
type Rates struct {
	Always Rate
	Times  []TimedRate
}

// TimedRate is the rate of a time of day.
type TimedRate struct {
	Window Window
	Rate   Rate
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Rates) UnmarshalText(b []byte) error {
	var read Rates
	always := false
	for entry := range strings.SplitSeq(string(b), ",") {
		words := strings.Fields(entry)
		switch {
		case len(words) == 2:
			var t TimedRate
			if err := t.Window.UnmarshalText([]byte(words[0])); err != nil {
				return err
			}
			if err := t.Rate.UnmarshalText([]byte(words[1])); err != nil {
				return err
			}
			read.Times = append(read.Times, t)
		case len(words) == 0 && string(b) == "":
		case len(words) == 1 && !always:
			always = true
			if err := read.Always.UnmarshalText([]byte(words[0])); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is not a rate; allowed: one rate, and rates with a time of day before them, separated by commas, for example 20MB/s, 06:00-18:00 1MB/s", b)
		}
	}
	*v = read
	return nil
}

// String returns the form that UnmarshalText reads back.
func (v Rates) String() string {
	var entries []string
	if v.Always != 0 || len(v.Times) == 0 {
		entries = append(entries, v.Always.String())
	}
	for _, t := range v.Times {
		entries = append(entries, t.Window.String()+" "+t.Rate.String())
	}
	return strings.Join(entries, ", ")
}

// Upstream returns the rates as fetchers take them.
func (v Rates) Upstream() (always int64, times []upstream.TimedRate) {
	for _, t := range v.Times {
		times = append(times, upstream.TimedRate{Window: t.Window.Upstream(), Rate: int64(t.Rate)})
	}
	return int64(v.Always), times
}

// Upstream returns the window as fetchers take it.
func (v Window) Upstream() upstream.Window {
	return upstream.Window{From: time.Duration(v.From) * time.Minute, To: time.Duration(v.To) * time.Minute}
}
