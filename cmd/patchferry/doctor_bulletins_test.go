package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/verify"
)

// TestCheckKeyEnds warns of a pinned key from 90 days before its end on.
func TestCheckKeyEnds(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("testdata", "script", "bulletin_verify.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(script), "-- ed.asc --\n")
	armored, _, _ := strings.Cut(rest, "\n-- ")
	ring, err := verify.ReadKeyring(strings.NewReader(armored))
	if err != nil {
		t.Fatal(err)
	}
	end := ring.Certificates()[0].Expires.Time()
	if end.IsZero() {
		t.Fatal("the key has no end")
	}
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		pins *verify.Pins
		now  time.Time
		want int
	}{
		{"long before", verify.PinAll(ring, false), end.Add(-91 * day), 0},
		{"soon", verify.PinAll(ring, false), end.Add(-89 * day), 1},
		{"after it", verify.PinAll(ring, false), end.Add(day), 0},
		{"of no concern", &verify.Pins{}, end.Add(-day), 0},
	} {
		got := checkKeyEnds(&verify.Trust{Keys: ring, Pins: tt.pins}, tt.now)
		if len(got) != tt.want || tt.want == 1 && !strings.Contains(got[0].Detail, "in 89 days") {
			t.Errorf("%s: got %+v, want %d", tt.name, got, tt.want)
		}
	}
}
