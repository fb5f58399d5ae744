package config_test

import (
	"slices"
	"testing"
)

func TestRings(t *testing.T) {
	for _, tt := range []struct {
		name, content, land, last string
		names                     []string
	}{
		{"none", "", "production", "production", []string{"test", "pilot", "production"}},
		{"landing in test", "[rings]\nland = \"test\"", "test", "production", []string{"test", "pilot", "production"}},
		{"of one's own", "[rings]\nnames = [\"early\", \"late\"]", "late", "late", []string{"early", "late"}},
	} {
		c := load(t, tt.content)
		if got := c.LandRing(); got != tt.land {
			t.Errorf("%s: land in %s, want %s", tt.name, got, tt.land)
		}
		if got := c.LastRing(); got != tt.last || !slices.Equal(c.Rings.Names, tt.names) {
			t.Errorf("%s: last of %v is %s, want %s of %v", tt.name, c.Rings.Names, got, tt.last, tt.names)
		}
	}
	far := load(t, "")
	far.Role = "far"
	if got := far.LandRing(); got != "test" {
		t.Errorf("the far side lands in %s, want test", got)
	}
}
