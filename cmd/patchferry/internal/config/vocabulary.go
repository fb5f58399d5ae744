package config

import (
	"fmt"
	"strings"

	"patchferry/layout"
)

// The vocabularies of a selection, as layout knows them. What layout does not
// know is refused here: a word that matches nothing is a mistake.
type (
	// Language is a language of the catalog: "EN", "DE", "PTBR".
	Language layout.Language
	// OS is an operating system, a family or a release of one.
	OS layout.OS
	// Arch is a processor architecture.
	Arch layout.Arch
	// Classification is a standard term such as "security_update".
	Classification layout.Classification
	// Severity is a rating such as "Critical".
	Severity layout.Severity

	// Languages is a list of languages.
	Languages = List[Language, *Language]
	// OSes is a list of operating systems.
	OSes = List[OS, *OS]
	// Arches is a list of architectures.
	Arches = List[Arch, *Arch]
	// Classifications is a list of classifications.
	Classifications = List[Classification, *Classification]
	// Severities is a list of severities.
	Severities = List[Severity, *Severity]
	// Windows is a list of spans of the day.
	Windows = List[Window, *Window]
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Language) UnmarshalText(b []byte) error {
	l, ok := layout.ParseLanguage(string(b))
	*v = Language(l)
	return term(ok && l != "", b, "language", languages())
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *OS) UnmarshalText(b []byte) error {
	o, ok := layout.ParseOS(string(b))
	*v = OS(o)
	return term(ok && o != "", b, "operating system", systems())
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Arch) UnmarshalText(b []byte) error {
	a, ok := layout.ParseArch(string(b))
	*v = Arch(a)
	return term(ok && a != "", b, "architecture", []string{"x86", "x64", "ia64", "arm", "arm64"})
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Classification) UnmarshalText(b []byte) error {
	c, ok := layout.ParseClassification(string(b))
	*v = Classification(c)
	return term(ok && c != "", b, "classification", terms(
		layout.SecurityUpdate, layout.CriticalUpdate, layout.ServicePack, layout.UpdateRollup, layout.PlainUpdate,
		layout.Hotfix, layout.FeaturePack, layout.DefinitionUpdate, layout.Tool, layout.Upgrade,
		layout.DriverUpdate, layout.DriverSet, layout.Firmware, layout.Application))
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Severity) UnmarshalText(b []byte) error {
	s, ok := layout.ParseSeverity(string(b))
	*v = Severity(s)
	return term(ok && s != "", b, "severity", []string{string(layout.Critical), string(layout.Important), string(layout.Moderate), string(layout.Low)})
}

// term refuses a word that is not known, with the nearest one that is.
func term(ok bool, b []byte, what string, known []string) error {
	if ok {
		return nil
	}
	meant := ""
	if near := nearest(strings.ToLower(string(b)), known); near != "" {
		meant = " did you mean " + near + "?"
	}
	return fmt.Errorf("%q is no %s;%s allowed: %s", b, what, meant, strings.Join(known, ", "))
}

func terms(known ...layout.Classification) []string {
	var words []string
	for _, c := range known {
		words = append(words, string(c))
	}
	return words
}

func languages() []string {
	var codes []string
	for _, l := range layout.Languages() {
		codes = append(codes, string(l.Language))
	}
	return codes
}

// systems lists the families; each also has releases, such as windowsxp-sp3.
func systems() []string {
	var families []string
	for _, o := range layout.OSes() {
		if o.OS.Release() == "" {
			families = append(families, string(o.OS))
		}
	}
	return families
}

// layout returns the selection in the words of layout.
func (s *Select) layout() layout.Selection {
	sel := layout.Selection{
		Since: layout.Date(s.Since), Until: layout.Date(s.Until),
		Include: s.Include, Exclude: s.Exclude, Products: s.Products,
	}
	for _, l := range s.Languages {
		sel.Languages = append(sel.Languages, layout.Language(l))
	}
	for _, o := range s.OS {
		sel.OS = append(sel.OS, layout.OS(o))
	}
	for _, a := range s.Arch {
		sel.Arch = append(sel.Arch, layout.Arch(a))
	}
	for _, c := range s.Classifications {
		sel.Classifications = append(sel.Classifications, layout.Classification(c))
	}
	for _, v := range s.Severities {
		sel.Severities = append(sel.Severities, layout.Severity(v))
	}
	return sel
}
