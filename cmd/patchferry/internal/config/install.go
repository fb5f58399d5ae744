package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// Install says what install scripts are told of this site.
type Install struct {
	Bases []string `toml:"bases"`
}

// Override changes how the files that it matches are installed. Of several that
// match a file the first counts.
type Override struct {
	Match    string   `toml:"match"`
	Kind     string   `toml:"kind"`
	Switches []string `toml:"switches"` // nil keeps them
	Codes    Codes    `toml:"codes"`
	Skip     bool     `toml:"skip"`
}

// Codes says what exit codes mean: { "3010" = "reboot" }; in the environment
// 3010=reboot, with commas between them.
type Codes map[string]string

// Set reads the form of the environment.
func (v *Codes) Set(text string) error {
	codes := make(Codes)
	for _, pair := range splitList(text) {
		code, result, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("%q is no code with its meaning; allowed: for example 3010=reboot,1=failed", pair)
		}
		codes[strings.TrimSpace(code)] = strings.TrimSpace(result)
	}
	*v = codes
	return v.Reread()
}

// Reread refuses what is no exit code of Windows, or means nothing.
func (v *Codes) Reread() error {
	for _, code := range slices.Sorted(maps.Keys(*v)) {
		if _, err := strconv.ParseInt(code, 10, 32); err != nil {
			return fmt.Errorf("%q is no exit code; allowed: a decimal number of 32 bits, as %%ERRORLEVEL%% shows it", code)
		}
		if result := (*v)[code]; !slices.Contains(script.Results(), result) {
			return fmt.Errorf("code %s means %q; allowed: %s", code, result, strings.Join(script.Results(), ", "))
		}
	}
	return nil
}

// Literal returns the form in which the codes are written in the file.
func (v *Codes) Literal() string {
	if len(*v) == 0 {
		return "{}"
	}
	var pairs []string
	for _, code := range slices.Sorted(maps.Keys(*v)) {
		pairs = append(pairs, strconv.Quote(code)+" = "+strconv.Quote((*v)[code]))
	}
	return "{ " + strings.Join(pairs, ", ") + " }"
}

// script returns the override in the words of scripts.
func (o *Override) script() script.Override {
	out := script.Override{Match: o.Match, Kind: layout.Kind(o.Kind), Switches: o.Switches, Skip: o.Skip}
	for _, code := range slices.Sorted(maps.Keys(o.Codes)) {
		n, _ := strconv.ParseInt(code, 10, 32) // check has refused what is none
		out.Codes = append(out.Codes, layout.ExitCode{Code: int32(n), Result: o.Codes[code]})
	}
	return out
}

// ScriptOverrides returns the overrides of [[override]], in their order.
func (c *Config) ScriptOverrides() []script.Override {
	var all []script.Override
	for i := range c.Overrides {
		all = append(all, c.Overrides[i].script())
	}
	return all
}

func (i *Install) fields() []field {
	return []field{
		{"install.bases", &i.Bases, `Where install scripts find the tree besides "above themselves", in this order: UNC paths of the share and URLs of this server, for example ["\\\\server\\updates", "http://server:8530"].`},
	}
}

func (o *Override) fields() []field {
	return []field{
		{"match", &o.Match, "The files that are installed otherwise: a KB, an id of an update, or a pattern over file names as in select.include. Of several overrides that match a file the first counts."},
		{"kind", &o.Kind, "The package kind that they are, in place of what was recognised: " + strings.Join(script.Kinds(), ", ") + "."},
		{"switches", &o.Switches, "The switches that make them silent, in place of those of their kind; an empty list runs them without any."},
		{"codes", &o.Codes, `What their exit codes mean, before those of their kind: { "3010" = "reboot" }; ` + strings.Join(script.Results(), ", ") + "."},
		{"skip", &o.Skip, "Whether no script installs them."},
	}
}

// install holds bases and overrides to what scripts can carry.
func (c *checker) install() {
	for _, base := range c.l.Install.Bases {
		if !script.CheckBase(base) {
			c.fail("install.bases", strconv.Quote(base), `allowed: \\server\share, or a URL of http or https, without %% ! ^ & < > | ; and the like`)
		}
	}
	for i := range c.l.Overrides {
		o := &c.l.Overrides[i]
		key := "override[" + strconv.Itoa(i) + "]"
		plan := o.script()
		if err := plan.Check(); err != nil {
			c.fail(key, "", "%v", err)
			continue
		}
		if o.Kind == "" && o.Switches == nil && len(o.Codes) == 0 && !o.Skip {
			c.fail(key, "", "changes nothing; allowed: at least one of kind, switches, codes, skip")
		}
	}
}
