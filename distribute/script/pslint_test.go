package script_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// psCmdlets are the cmdlets that scripts may call: PowerShell 2.0 has them all.
var psCmdlets = strings.Fields(`Add-Type Get-WmiObject New-Object Start-Sleep Write-Host`)

// psTypes are the types that scripts may name: .NET 2.0 and PowerShell 2.0 have
// them, but for SHA256CryptoServiceProvider (3.5), which is asked for only
// where SHA256Managed is forbidden.
var psTypes = strings.Fields(`string bool int long switch char byte regex string[] byte[]
	Parameter
	Microsoft.Win32.Registry Microsoft.Win32.RegistryValueOptions
	System.BitConverter System.Convert System.DateTime System.Enum System.Environment System.Math System.Random System.Uri
	System.Diagnostics.FileVersionInfo System.Diagnostics.Process System.Diagnostics.ProcessStartInfo
	System.IO.Directory System.IO.File System.IO.FileAccess System.IO.FileInfo System.IO.FileMode System.IO.FileShare System.IO.FileStream
	System.IO.Path System.IO.SearchOption System.Net.SecurityProtocolType System.Net.ServicePointManager System.Net.WebException System.Net.WebRequest
	System.Security.Cryptography.MD5CryptoServiceProvider System.Security.Cryptography.SHA1CryptoServiceProvider
	System.Security.Cryptography.SHA256CryptoServiceProvider System.Security.Cryptography.SHA256Managed
	System.Security.Principal.WindowsBuiltInRole System.Security.Principal.WindowsIdentity System.Security.Principal.WindowsPrincipal
	System.Text.Encoding void System.Core`)

// psVariables are those that PowerShell sets.
var psVariables = strings.Fields(`_ null true false matches env myinvocation pshome psversiontable executioncontext erroractionpreference script`)

// psLater is what came after PowerShell 2.0 or .NET 2.0, or has no place in these
// scripts, outside of strings.
var psLater = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"an operator of PowerShell 3 or later", regexp.MustCompile(`(?i)\s-(in|notin|shl|shr|is?contains)\s|&&|\|\||\?\?|\?\.`)},
	{"a keyword of PowerShell 5", regexp.MustCompile(`(?i)^\s*(class|enum|using)\s`)},
	{"a type of PowerShell 3 or later", regexp.MustCompile(`(?i)\[(ordered|pscustomobject)\]|::new\(`)},
	{"a variable of PowerShell 3", regexp.MustCompile(`(?i)\$(PSScriptRoot|PSItem|PSCommandPath)\b`)},
	{"a method of .NET 4", regexp.MustCompile(`\b(IsNullOrWhiteSpace|CopyTo|Is64Bit\w+|EnumerateFiles|EnumerateDirectories|HasFlag|Dispose|OpenBaseKey)\b`)},
	{"a method of PowerShell 4", regexp.MustCompile(`(?i)\.(where|foreach)\s*[({]`)},
	{"code from a string", regexp.MustCompile(`(?i)\b(iex|invoke-expression|scriptblock)\b|^\s*&\s`)},
	{"a pipeline", regexp.MustCompile(`\|`)},
	{"a restart", regexp.MustCompile(`(?i)restart-computer|shutdown`)},
}

var (
	psWord     = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*-[A-Z][A-Za-z0-9]*\b`)
	psFunction = regexp.MustCompile(`(?m)^function ([A-Z][A-Za-z0-9]*-[A-Z][A-Za-z0-9]*)`)
	psBracket  = regexp.MustCompile(`\[([A-Za-z][A-Za-z0-9_.]*(?:\[\])?)[\](]`)
	psMade     = regexp.MustCompile(`New-Object ([A-Za-z0-9.]+(?:\[\])?)`)
	psRead     = regexp.MustCompile(`\$(?:script:)?([A-Za-z_][A-Za-z0-9_]*)`)
	psAssigned = regexp.MustCompile(`\$(?:script:)?([A-Za-z_][A-Za-z0-9_]*)(?:\s*[+]?=[^=]|\+\+|\s+in\s)`)
	psHeader   = regexp.MustCompile(`(?m)^function [^(\n]*\(([^\n]*)\) \{|^    (\[[a-z]+(?:\[\])?\]\$\w+)`)
)

// lintPS holds a script to what PowerShell 2.0 has, and returns what breaks that.
func lintPS(script string) []string {
	var problems []string
	bad := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	if !strings.HasSuffix(script, "\r\n") || strings.Count(script, "\r\n") != strings.Count(script, "\n") || strings.Count(script, "\r") != strings.Count(script, "\n") {
		bad("a line does not end in CR LF")
	}
	if i := strings.IndexFunc(script, func(r rune) bool { return (r < ' ' || r > '~') && r != '\r' && r != '\n' }); i >= 0 {
		bad("%.10q is not printable ASCII", script[i:])
	}
	var code strings.Builder
	depth := ""
	for i, line := range strings.Split(strings.ReplaceAll(script, "\r\n", "\n"), "\n") {
		bare, ok := psCode(line)
		if !ok {
			bad("line %d: a quote too few: %.80q", i+1, line)
		}
		code.WriteString(bare + "\n")
		if depth, ok = psNest(depth, bare); !ok {
			bad("line %d: a bracket that does not fit: %.80q", i+1, line)
			break
		}
		for _, later := range psLater {
			if later.pattern.MatchString(bare) {
				bad("line %d: %s: %.80q", i+1, later.what, line)
			}
		}
	}
	if depth != "" {
		bad("brackets that nothing closes: %s", depth)
	}
	return append(problems, psNames(code.String())...)
}

// psNames holds the names in code without strings and comments to those that there are.
func psNames(code string) []string {
	var problems []string
	functions := map[string]bool{}
	for _, m := range psFunction.FindAllStringSubmatch(code, -1) {
		if functions[m[1]] {
			problems = append(problems, "function "+m[1]+" is there twice")
		}
		functions[m[1]] = true
	}
	used := map[string]int{}
	for _, word := range psWord.FindAllString(code, -1) {
		used[word]++
		if !functions[word] && !slices.Contains(psCmdlets, word) {
			problems = append(problems, word+" is neither a cmdlet of PowerShell 2.0 that we allow nor a function here")
		}
	}
	for name := range functions {
		if used[name] == 1 {
			problems = append(problems, "nothing calls "+name)
		}
	}
	for _, m := range append(psBracket.FindAllStringSubmatch(code, -1), psMade.FindAllStringSubmatch(code, -1)...) {
		if !slices.Contains(psTypes, m[1]) && m[1] != "byte" {
			problems = append(problems, "["+m[1]+"] is no type that we allow")
		}
	}
	set := map[string]bool{}
	for _, m := range psAssigned.FindAllStringSubmatch(code, -1) {
		set[strings.ToLower(m[1])] = true
	}
	for _, m := range psHeader.FindAllStringSubmatch(code, -1) {
		for _, p := range psRead.FindAllStringSubmatch(m[0], -1) {
			set[strings.ToLower(p[1])] = true
		}
	}
	for _, m := range psRead.FindAllStringSubmatch(code, -1) {
		if name := strings.ToLower(m[1]); !set[name] && !slices.Contains(psVariables, name) {
			problems = append(problems, "$"+m[1]+" is never set")
			set[name] = true
		}
	}
	slices.Sort(problems)
	return problems
}

// psCode returns a line without its strings and its comment, and whether every
// string in it ends there.
func psCode(line string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '#' {
			return b.String(), true
		}
		if c != '\'' && c != '"' {
			b.WriteByte(c)
			continue
		}
		end := psStringEnd(line, i)
		if end < 0 {
			return b.String(), false
		}
		b.WriteString(`''`)
		i = end
	}
	return b.String(), true
}

// psStringEnd returns where the string that begins at i ends, or -1.
func psStringEnd(line string, i int) int {
	quote := line[i]
	for j := i + 1; j < len(line); j++ {
		switch {
		case line[j] == '`' && quote == '"':
			j++
		case line[j] == quote && j+1 < len(line) && line[j+1] == quote:
			j++
		case line[j] == quote:
			return j
		}
	}
	return -1
}

// psNest follows the brackets of a line.
func psNest(open, line string) (string, bool) {
	pairs := map[rune]byte{')': '(', '}': '{', ']': '['}
	for _, r := range line {
		if strings.ContainsRune("({[", r) {
			open += string(r)
		}
		want, closes := pairs[r]
		if !closes {
			continue
		}
		if open == "" || open[len(open)-1] != want {
			return open, false
		}
		open = open[:len(open)-1]
	}
	return open, true
}
