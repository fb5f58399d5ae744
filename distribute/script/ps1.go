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
	usage []string
	data  string   // assignments
	reads bool     // it changes nothing on the host
	parts []string // below ps1/, without extension
}

// psParameters begins every script. All take the same arguments, so that one may
// start another with its own.
const psParameters = `param(
    [switch]$Dry,
    [switch]$All,
    [string]$Log = '',
    [string]$Stage = '',
    [string]$Only = '',
    [string]$Base = '',
    [string]$Report = '',
    [switch]$Help,
    [Parameter(Position = 0, ValueFromRemainingArguments = $true)]
    [string[]]$Words
)
`

// bytes writes the script: ASCII, CRLF.
func (p *psScript) bytes() ([]byte, error) {
	var b strings.Builder
	for _, line := range p.head {
		b.WriteString(strings.TrimRight("# "+asciiLine(line), " ") + "\n")
	}
	b.WriteString("#\n# Exit: 0 done, 3010 restart and run this again, 1618 another installation runs,\n# 1 something failed. It never restarts the machine.\n\n")
	b.WriteString(psParameters)
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
	return []byte(crlf(b.String())), nil
}

// head says what a script is of.
func (s *Set) psHead(name, what string) []string {
	return []string{
		fmt.Sprintf("%s of %s: %s", name, s.Name, s.Title),
		fmt.Sprintf("%s %s; generation %d, state root %s.", what, count(len(s.Items), "package"), s.Edition.Generation, s.Edition.Root),
	}
}

func (s *Set) installPS1() ([]byte, error) {
	p := psScript{
		name: "install.ps1", head: s.psHead("install.ps1", "Installs"), data: s.psData() + psWorld(),
		usage: []string{
			"install.ps1 [-Dry] [-Log FILE] [-Stage DIR] [-Only ID] [-Base URL|UNC] [-Report URL|UNC] [-Help]",
			"  -Dry     say what would be done, and change nothing",
			"  -Log     the log, in place of %SystemRoot%\\Temp\\patchferry\\NAME.log",
			"  -Stage   bring packages into this folder first, and run them there",
			"  -Only    this package alone",
			"  -Base    where the tree is, if it is not above this script",
			"  -Report  leave one line of JSON in this folder, or at this server",
		},
		parts: []string{"arguments", "log", "host", "digest", "detect", "http", "package", "run", "report", "results", "install-main"},
	}
	return p.bytes()
}

func (s *Set) validatePS1() ([]byte, error) {
	p := psScript{
		name: "validate.ps1", reads: true, head: s.psHead("validate.ps1", "Looks for"), data: s.psData() + psWorld(),
		usage: []string{
			"validate.ps1 [-Log FILE] [-Only ID] [-Report URL|UNC] [-Help]",
			"  It changes nothing. States: installed, replaced (since), missing,",
			"  not-applicable, unknown. Exit: 0, or 1 where one is missing or replaced.",
		},
		parts: []string{"arguments", "log", "host", "digest", "detect", "http", "report", "results", "validate-main"},
	}
	return p.bytes()
}

func (s *Set) rollbackPS1() ([]byte, error) {
	p := psScript{
		name: "rollback.ps1", head: s.psHead("rollback.ps1", "Removes one or all of"), data: s.psData() + psWorld(),
		usage: []string{
			"rollback.ps1 -Only ID|-All [-Dry] [-Log FILE] [-Stage DIR] [-Base URL|UNC] [-Report URL|UNC] [-Help]",
			"  -Only    this package; -All: all of them, the last first",
			"  -Dry     say what would be done, and change nothing",
		},
		parts: []string{"arguments", "log", "host", "digest", "detect", "http", "package", "run", "report", "results", "rollback-main"},
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
		name: "this-host.ps1",
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
	t.open("$systems = @(")
	for i, s := range systems {
		comma := ","
		if i == len(systems)-1 {
			comma = ""
		}
		t.line(fmt.Sprintf("@{ Family = %s; Version = %s; MinBuild = %d; MaxBuild = %d; Type = %s; Release = %s }%s",
			psQuote(string(s.Family)), psQuote(s.Version), s.MinBuild, s.MaxBuild, psQuote(s.Type), psQuote(s.Release), comma))
	}
	t.close(")")
	t.open("$languages = @{")
	languages := layout.Languages()
	slices.SortFunc(languages, func(a, b layout.LanguageInfo) int { return a.LCID - b.LCID })
	for i, l := range languages {
		if l.LCID != 0 && (i == 0 || languages[i-1].LCID != l.LCID) {
			t.line(fmt.Sprintf("'%04x' = %s", l.LCID, psQuote(string(l.Language))))
		}
	}
	t.close("}")
	return t.b.String()
}
