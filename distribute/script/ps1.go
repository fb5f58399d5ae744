package script

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"patchferry/layout"
)

// The parts of the PowerShell scripts, with LF. They keep to PowerShell 2.0,
// which Windows 7 has and XP could have, and to types of .NET 2.0.
//
//go:embed ps1/*.ps1
var psParts embed.FS

// psScript is one script, put together from parts.
type psScript struct {
	name  string
	head  []string // what it is, for people
	exits []string // what its exit codes mean
	takes []string // the names of its arguments
	usage []string
	data  string   // assignments
	reads bool     // it changes nothing on the host
	parts []string // below ps1/, without extension
}

// psArgument is what a script may be given.
type psArgument struct{ name, declared, empty string }

// psArguments are all of them. A script declares those that it takes; the others
// are set to nothing in it.
var psArguments = []psArgument{
	{"Dry", "[switch]$Dry", "$false"},
	{"All", "[switch]$All", "$false"},
	{"Log", "[string]$Log = ''", "''"},
	{"Stage", "[string]$Stage = ''", "''"},
	{"Only", "[string]$Only = ''", "''"},
	{"Base", "[string]$Base = ''", "''"},
	{"Report", "[string]$Report = ''", "''"},
}

// bytes writes the script: ASCII, CRLF.
func (p *psScript) bytes() ([]byte, error) {
	var b strings.Builder
	for _, line := range p.head {
		b.WriteString(strings.TrimRight("# "+asciiLine(line), " ") + "\n")
	}
	b.WriteString("#\n")
	for _, line := range p.exits {
		b.WriteString("# " + line + "\n")
	}
	p.parameters(&b)
	fmt.Fprintf(&b, "\n$scriptName = %s\n$usage = @(\n", psQuote(p.name))
	for i, line := range p.usage {
		b.WriteString("    " + psQuote(line))
		if i < len(p.usage)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, ")\n$changes = %s\n\n%s", psBool(!p.reads), p.data)
	for _, part := range p.parts {
		text, err := psParts.ReadFile("ps1/" + part + ".ps1")
		if err != nil {
			return nil, err
		}
		b.WriteByte('\n')
		b.Write(text)
	}
	b.WriteString("\n# End of " + p.name + ".\n")
	return []byte(crlf(b.String())), nil
}

// parameters writes what the script takes: as PowerShell has it, or, in Words,
// as cmd has it.
func (p *psScript) parameters(b *strings.Builder) {
	b.WriteString("\nparam(\n")
	absent := ""
	flags := []string{}
	for _, a := range psArguments {
		if !slices.Contains(p.takes, a.name) {
			absent += "$" + a.name + " = " + a.empty + "\n"
			continue
		}
		b.WriteString("    " + a.declared + ",\n")
		flags = append(flags, "/"+strings.ToLower(a.name))
	}
	b.WriteString("    [switch]$Help,\n    [Parameter(Position = 0, ValueFromRemainingArguments = $true)]\n    [string[]]$Words\n)\n\n")
	b.WriteString(absent + "$flags = " + psList(flags) + "\n")
}

// psExits say what the exit codes of what changes a host mean.
var psExits = []string{
	"Exit: 0 done, 3010 restart and run this again, 1618 another installation runs,",
	"1 something failed. It never restarts the machine.",
}

// psHead says what a script is of.
func (s *Set) psHead(name, what string) []string {
	return []string{
		fmt.Sprintf("%s of %s: %s", name, s.Name, s.Title),
		fmt.Sprintf("%s %s; generation %d, state root %s.", what, count(len(s.Items), "package"), s.Edition.Generation, s.Edition.Root),
	}
}

func (s *Set) installPS1() ([]byte, error) {
	p := psScript{
		name: "install.ps1", exits: psExits, takes: strings.Fields("Dry Log Stage Only Base Report"),
		head: s.psHead("install.ps1", "Installs"), data: s.psData() + psWorld(),
		usage: []string{
			"install.ps1 [-Dry] [-Log FILE] [-Stage DIR] [-Only ID] [-Base URL|UNC] [-Report URL|UNC] [-Help]",
			"  -Dry     say what would be done, and change nothing",
			"  -Log     the log, in place of %SystemRoot%\\Temp\\patchferry\\NAME.log",
			"  -Stage   bring packages into this folder first, and run them there",
			"  -Only    this package alone",
			"  -Base    where the tree is, if it is not above this script",
			"  -Report  leave one line of JSON in this folder, or at this server",
		},
		parts: []string{"arguments", "log", "host", "change", "digest", "detect", "installed", "http", "package", "run", "report", "results", "install-main"},
	}
	return p.bytes()
}

func (s *Set) validatePS1() ([]byte, error) {
	p := psScript{
		name: "validate.ps1", reads: true, takes: strings.Fields("Log Only"),
		exits: []string{"Exit: 0 everything is as it should be, 1 something is missing or was replaced.", "It changes nothing, and needs no administrator."},
		head:  s.psHead("validate.ps1", "Looks for"), data: s.psData() + psWorld(),
		usage: []string{
			"validate.ps1 [-Log FILE] [-Only ID] [-Help]",
			"  States: installed, replaced (since), missing, not-applicable, unknown.",
		},
		parts: []string{"arguments", "log", "host", "digest", "detect", "installed", "results", "validate-main"},
	}
	return p.bytes()
}

func (s *Set) rollbackPS1() ([]byte, error) {
	p := psScript{
		name: "rollback.ps1", exits: psExits, takes: strings.Fields("Dry All Log Stage Only Base"),
		head: s.psHead("rollback.ps1", "Removes one or all of"), data: s.psData() + psWorld(),
		usage: []string{
			"rollback.ps1 -Only ID|-All [-Dry] [-Log FILE] [-Stage DIR] [-Base URL|UNC] [-Help]",
			"  -Only    this package; -All: all of them, the last first",
			"  -Dry     say what would be done, and change nothing",
		},
		parts: []string{"arguments", "log", "host", "change", "digest", "detect", "http", "package", "results", "rollback-main"},
	}
	return p.bytes()
}

// thisHostPS1 writes the script that finds out what a host is and runs the set
// of its kind.
func thisHostPS1(o Options) ([]byte, error) {
	t := &psTable{}
	t.line("$setName = 'this-host'")
	t.line("$setBases = " + psList(slices.DeleteFunc(slices.Clone(o.Bases), func(base string) bool { return !CheckBase(base) })))
	p := psScript{
		name: "this-host.ps1", exits: psExits, takes: strings.Fields("Dry Log Stage Only Base Report"),
		head: []string{
			"this-host.ps1: one file for any host. It finds out what this machine is, and",
			"runs the install.ps1 of its kind, below hosts, with its own arguments.",
		},
		data: t.b.String() + psWorld(),
		usage: []string{
			"this-host.ps1 [-Dry] [-Log FILE] [-Stage DIR] [-Only ID] [-Base URL|UNC] [-Report URL|UNC] [-Help]",
			"  -Base    where the tree is, if it is not above this script",
			"  the others: see install.ps1 -Help",
		},
		parts: []string{"arguments", "log", "host", "http", "this-host-main"},
	}
	return p.bytes()
}

// psWorld writes the tables of systems and languages.
func psWorld() string {
	t := &psTable{}
	systems := Systems()
	t.rows("$systems", len(systems), func(i int) []string {
		s := systems[i]
		return []string{
			"Family = " + psQuote(string(s.Family)), "Version = " + psQuote(s.Version), fmt.Sprintf("MinBuild = %d; MaxBuild = %d", s.MinBuild, s.MaxBuild),
			"Type = " + psQuote(s.Type), "Release = " + psQuote(s.Release),
		}
	})
	t.open("$languages = @{")
	languages := layout.Languages()
	slices.SortStableFunc(languages, func(a, b layout.LanguageInfo) int { return a.LCID - b.LCID })
	for i, l := range languages {
		if l.LCID != 0 && (i == 0 || languages[i-1].LCID != l.LCID) {
			t.line(fmt.Sprintf("'%04x' = %s", l.LCID, psQuote(string(l.Language))))
		}
	}
	t.close("}")
	return t.b.String()
}
