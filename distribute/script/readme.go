package script

import (
	"fmt"
	"path"
	"strings"
)

// readmeColumns is how wide README.txt is.
const readmeColumns = 79

// exitCodes is what every script's exit code means, as it stands in each
// README.txt.
const exitCodes = `Exit codes
----------
  0     done; or there was nothing to do
  3010  restart the machine, then run the same command again
  1618  another installation runs; run the same command again later
  1     something failed, is missing or is not what it should be: the log
        says what
No script restarts the machine by itself.
`

// checking is how a person checks what a set's folder and its packages hold.
const checking = `Check the files
---------------
The scripts check each package before they run it: by SHA-256 from Windows 7
on, and everywhere in PowerShell. On older systems install.cmd has SHA-1 or
MD5, and those only if fciv.exe is beside it or in PATH; else the size alone.
The log says which it was (check=). By hand:
  Linux         sha256sum -c SHA256SUMS
  Windows 7 on  certutil -hashfile FILE SHA256
  older         fciv.exe -sha1 FILE
and compare with SHA256SUMS, SHA1SUMS or MD5SUMS here. SHA-1 and MD5 are for
old machines: they tell damage, not malice.
`

// readme writes README.txt of a set's folder.
func (s *Set) readme() ([]byte, error) {
	var p page
	p.title(s.Title, s.Name)
	p.para("What is installed here: %s, in this order, by %s.", count(len(s.Items), "package"), "install.cmd (Windows 2000 to 11) or install.ps1 (PowerShell 2.0 and later)")
	s.edition(&p)
	p.text(`Commands
--------
As administrator, in this folder or by its full path:
  install.cmd            install what is missing
  install.cmd /dry       say what would be done
  install.cmd /only ID   that one alone
  validate.cmd           say what is there, missing or replaced since
  rollback.cmd /only ID  take one off again
The same by PowerShell:
  powershell -NoProfile -ExecutionPolicy Bypass -File install.ps1 -Dry
More: install.cmd /help. The log is %SystemRoot%\Temp\patchferry\NAME.log,
unless /log FILE says otherwise. Where the packages are not above this folder:
/base URL or /base \\server\share.
`)
	p.para("NAME, the name of the set: %s", s.Name)
	p.text(exitCodes)
	p.text(checking)
	s.itemsText(&p)
	s.leftText(&p)
	s.notesText(&p)
	p.text(`Other files
-----------
  manifest.json  the set for programs    updates.lst  the set for cmd scripts
  bundle.meta4   all packages, for aria2c and for another mirror
`)
	return p.bytes(), nil
}

// folderReadme writes README.txt of an update's own folder.
func (s *Set) folderReadme() ([]byte, error) {
	var p page
	p.title(s.Title, s.Name)
	s.edition(&p)
	p.text(`Commands
--------
As administrator, in this folder or by its full path:
  install.cmd            install this update, where it is for this machine
  install.cmd /dry       say what would be done
`)
	p.para("Scripts that validate it and take it off again, and its checksums: install\\updates\\%s below the root of this tree.", path.Base(s.Place))
	p.text(exitCodes)
	s.itemsText(&p)
	for i := range s.Items {
		it := &s.Items[i]
		p.para("To install %s without a script: %s", it.ID, it.ByHand())
		if len(it.Remove.Commands) == 0 {
			p.para("%s cannot be removed: %s.", it.ID, orElse(strings.TrimRight(it.Remove.Why, "."), "no way is known"))
			continue
		}
		p.para("To remove %s: %s", it.ID, it.Remove.Commands[0].line(it))
	}
	s.leftText(&p)
	s.notesText(&p)
	return p.bytes(), nil
}

// anyReadme writes README.txt of install/ itself.
func anyReadme(o Options) ([]byte, error) {
	var p page
	p.title(orElse(o.Title, "Updates for any host"), o.Ring)
	if o.Ring != "" {
		p.para("Ring: %s", o.Ring)
	}
	p.text(`One file for any host
---------------------
  this-host.cmd   finds out what this machine is, and installs what it needs
  this-host.ps1   the same by PowerShell 2.0 and later
Run it as administrator, or as the computer's startup script of one Group
Policy, by its full path: \\server\share\install\this-host.cmd. It stops where
the machine must restart first, with 3010, and goes on at the next run. It is
safe to run at each start: what is installed is passed over.
  this-host.cmd /dry         say what would be done
  this-host.cmd /base WHERE  the tree is at a URL or at a UNC path
  this-host.cmd /report TO   one line of JSON to a folder or a URL
Over plain HTTP nothing vouches for the script itself. Take it from a share
with SMB signing, over https, or from media. What it installs is then held
against the digests that stand in the scripts: SHA-256 from Windows 7 on; see
README.txt in the folders below hosts for what older systems can do.
`)
	p.text(exitCodes)
	p.text(`What else is here
-----------------
  quiet.reg   keeps the Windows Update client quiet; read it before use
  hosts\      all that a kind of host needs: system, architecture, language
  bulletins\  all that a bulletin names
  updates\    single updates
`)
	return p.bytes(), nil
}

// edition says what a set was made from, where that is known.
func (s *Set) edition(p *page) {
	if s.Edition == (Edition{}) {
		return // in an update's own folder, which changes with the update alone
	}
	if s.Edition == (Edition{}) {
		return
	}
	p.para("Made from generation %d, state %d, root %s.", s.Edition.Generation, s.Edition.State, s.Edition.Root)
}

// itemsText lists the packages.
func (s *Set) itemsText(p *page) {
	if len(s.Items) == 0 {
		return
	}
	p.text("Packages\n--------")
	for i := range s.Items {
		it := &s.Items[i]
		p.item(fmt.Sprintf("%s  %s", it.ID, orElse(it.Title, it.Name)))
		p.item("  " + it.Name + note(it))
	}
	p.text("")
}

// note says what a person should know of an item beforehand.
func note(it *Item) string {
	var notes []string
	switch it.Barrier {
	case BarrierAfter:
		notes = append(notes, "what follows may wait for a restart")
	case BarrierRestart:
		notes = append(notes, "needs a restart before what follows")
	}
	if len(it.Remove.Commands) == 0 {
		notes = append(notes, "cannot be removed")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// leftText says what was asked for and is not in the set.
func (s *Set) leftText(p *page) {
	if len(s.Left) == 0 {
		return
	}
	p.text("Not in this set\n---------------")
	for _, l := range s.Left {
		p.item(strings.TrimSpace(l.Update+" "+l.File) + ": " + l.Why)
	}
	p.text("")
}

// notesText says what else a person should know.
func (s *Set) notesText(p *page) {
	for _, n := range s.Notes {
		p.para("Note: %s.", strings.TrimRight(n, "."))
	}
}

// ByHand returns the command that a person types for an item, in the folder
// where its package is.
func (it *Item) ByHand() string {
	name := quoteArg(it.Name)
	args := joinArgs(it.Run.Args)
	switch it.Run.Engine {
	case EngineMSI:
		return strings.TrimSpace("msiexec /i " + name + " " + args)
	case EngineMSP:
		return strings.TrimSpace("msiexec /p " + name + " " + args)
	case EngineDISM:
		command := strings.TrimSpace("dism /Online /Add-Package /PackagePath:" + name + " " + args)
		if len(it.Members) > 0 {
			return "copy it and the files that belong to it to a folder of their own on this machine; there " + command
		}
		return command
	case EngineWUSA:
		return strings.TrimSpace("wusa " + name + " " + args)
	case EnginePnPUtil:
		return "pnputil /add-driver " + name + " /install"
	case EngineSelf:
	}
	return strings.TrimSpace(name + " " + args)
}

// line returns the command as a person types it.
func (c Command) line(it *Item) string {
	return strings.TrimSpace(quoteArg(orElse(c.Program, it.Name)) + " " + joinArgs(c.Args))
}

func joinArgs(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quoteArg(a)
	}
	return strings.Join(quoted, " ")
}

// quoteArg puts an argument with blanks into quotation marks.
func quoteArg(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t") {
		return s
	}
	return `"` + s + `"`
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// page is a text for people on old machines: ASCII, CRLF, 79 columns.
type page struct{ b strings.Builder }

func (p *page) title(title, name string) {
	title = strings.TrimSpace(asciiLine(orElse(title, name)))
	p.wrap(title, "", "")
	p.b.WriteString(strings.Repeat("=", min(len(title), readmeColumns)) + "\n\n")
}

// para writes a paragraph, wrapped.
func (p *page) para(format string, a ...any) {
	p.wrap(asciiLine(fmt.Sprintf(format, a...)), "", "")
	p.b.WriteByte('\n')
}

// item writes one entry of a list, wrapped; blanks before it stay.
func (p *page) item(s string) {
	s = asciiLine(s)
	first := strings.Repeat(" ", len(s)-len(strings.TrimLeft(s, " ")))
	p.wrap(s, first, first+"    ")
}

// text writes lines as they are, and an empty one.
func (p *page) text(s string) { p.b.WriteString(s + "\n") }

// wrap breaks a line at blanks, or where a word alone is too long inside of it.
// The first line begins with one indent, the others with another.
func (p *page) wrap(s, first, rest string) {
	line, empty := first, true
	flush := func() {
		p.b.WriteString(strings.TrimRight(line, " ") + "\n")
		line, empty = rest, true
	}
	for word := range strings.FieldsSeq(s) {
		if !empty && len(line)+1+len(word) > readmeColumns {
			flush()
		}
		for room := readmeColumns - len(line); len(word) > room && empty; room = readmeColumns - len(line) {
			line += word[:room]
			word = word[room:]
			flush()
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	flush()
}

func (p *page) bytes() []byte { return []byte(crlf(p.b.String())) }

// crlf ends lines as Windows does.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
