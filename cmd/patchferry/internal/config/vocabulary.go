package config

import (
	"fmt"
	"strings"

	"patchferry/layout"
)

// The vocabularies of a selection, as layout knows them.
type (
	// Language is a language of the catalog: "EN", "DE", "PTBR".
	Language layout.Language
	// OS is an operating system, a family or a release of one.
	OS layout.OS
	// Arch is a processor architecture.
	Arch layout.Arch
	// Classification is a standard term such as "security_update".
	Classification layout.Classification

	// Languages is a list of languages.
	Languages = List[Language, *Language]
	// OSes is a list of operating systems.
	OSes = List[OS, *OS]
	// Arches is a list of architectures.
	Arches = List[Arch, *Arch]
	// Classifications is a list of classifications.
	Classifications = List[Classification, *Classification]
	// Windows is a list of spans of the day.
	Windows = List[Window, *Window]
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Language) UnmarshalText(b []byte) error {
	return term(v, strings.ToUpper(string(b)), "language")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *OS) UnmarshalText(b []byte) error {
	return term(v, strings.ToLower(string(b)), "operating system")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Arch) UnmarshalText(b []byte) error {
	return term(v, strings.ToLower(string(b)), "architecture")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Classification) UnmarshalText(b []byte) error {
	return term(v, strings.ToLower(string(b)), "classification")
}

func term[T ~string](v *T, s, what string) error {
	if s == "" || strings.ContainsAny(s, " \t\r\n,") {
		return fmt.Errorf("%q is no %s", s, what)
	}
	*v = T(s)
	return nil
}
