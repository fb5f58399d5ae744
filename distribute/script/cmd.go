package script

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
	"text/template"
)

//go:embed cmd/*.cmd cmd/*.vbs
var cmdTemplates embed.FS

// cmdTemplate holds a template for each script, and the parts that they share. A
// script has only the parts that its items need.
var cmdTemplate = template.Must(template.New("").Funcs(template.FuncMap{"upper": strings.ToUpper}).ParseFS(cmdTemplates, "cmd/*.cmd"))

// cmdSet is a set as the templates below cmd/ see it: every string in it is
// safe where it stands, and every line of Data, Have, Fits, Files and Undo is a
// line of batch.
type cmdSet struct {
	Script      string // name of the file: "install.cmd"
	Name, Title string
	What        string // what the script does with its packages
	Count       string // "1 package", "12 packages"
	Ring        string
	Generation  string
	Root        string // state root in hexadecimal
	Up          string // from the script to the root of the tree: `..\..`
	Bases       []string
	Flags       []string // arguments, without "/"
	Usage       []string
	Writes      bool // it changes the host, and so needs an administrator
	Reports     bool // it can leave a report
	QChain      bool
	Notes       bool            // an item leaves no traces, and is written down
	Packs       bool            // an item is told by the packages of Windows
	Versions    bool            // an item is told by files
	Engines     map[string]bool // those that items have
	Listed      bool            // an item is told by a key of Hotfix.exe or Update.exe
	Gates       []cmdGate
	Items       []cmdItem
	Part, Next  int // of Parts: its number, and that of the next or 0
	CodeTables  []cmdCodes
	Systems     []string // lines that set FAMILY and RELEASE
	Languages   []string // "0409.EN 0407.DE …"
	Helper      []string // lines that write helper.vbs
}

// installCmd writes install.cmd.
func (s *Set) installCmd() ([]byte, error) { return s.cmd("install.cmd", s.Place) }

// folderCmd writes the install.cmd that stands in the own folder of an update, of
// which s is the set.
func (s *Set) folderCmd() ([]byte, error) {
	place := s.Place
	if len(s.Items) > 0 {
		place = path.Dir(s.Items[0].Path)
	}
	return s.cmd("install.cmd", place)
}

// validateCmd writes validate.cmd, which changes nothing and looks whether what
// is installed is still there.
func (s *Set) validateCmd() ([]byte, error) { return s.cmd("validate.cmd", s.Place) }

// rollbackCmd writes rollback.cmd.
func (s *Set) rollbackCmd() ([]byte, error) { return s.cmd("rollback.cmd", s.Place) }

// cmd writes one of the scripts of a set, for a folder below the root of the tree.
// It fails where something in the set cannot stand in a script.
func (s *Set) cmd(name, place string) ([]byte, error) {
	c, err := newCmdSet(name, place, Options{Name: s.Name, Title: s.Title, Bases: s.Bases, Ring: s.Ring, Edition: s.Edition})
	if err != nil {
		return nil, err
	}
	if err := c.add(s.Items, name == "rollback.cmd"); err != nil {
		return nil, err
	}
	return c.write()
}

// thisHostCmd writes this-host.cmd, which finds out what kind of host it is on and
// runs the install.cmd for that.
func thisHostCmd(o Options) ([]byte, error) {
	// It runs for as long as what it starts: only what must change it does.
	o.Name, o.Title, o.Edition = "this-host", "what this kind of host needs", Edition{}
	c, err := newCmdSet("this-host.cmd", "install", o)
	if err != nil {
		return nil, err
	}
	return c.write()
}

// cmdScripts says what the scripts do and which arguments they take.
var cmdScripts = map[string]struct {
	what   string
	writes bool
	flags  string
}{
	"install.cmd":   {"installs", true, "dry log stage only base report"},
	"validate.cmd":  {"looks for", false, "log only"},
	"rollback.cmd":  {"takes off", true, "dry log stage only all base"},
	"this-host.cmd": {"finds", true, "dry log stage only base report"},
}

// newCmdSet fills in all but the items.
func newCmdSet(name, place string, o Options) (*cmdSet, error) {
	kind := cmdScripts[name]
	root := "none"
	if !o.Edition.Root.IsZero() {
		root = o.Edition.Root.String()
	}
	c := &cmdSet{
		Script: name, What: kind.what, Writes: kind.writes, Flags: strings.Fields(kind.flags),
		Title: cmdText(o.Title), Generation: strconv.FormatUint(o.Edition.Generation, 10), Root: root,
		Engines: make(map[string]bool), Reports: name == "install.cmd", Usage: cmdUsage(name, kind.flags), Systems: cmdSystems(), Languages: cmdLanguages(),
	}
	var err error
	if c.Name, err = cmdWord(o.Name); err != nil {
		return nil, fmt.Errorf("name of the set: %w", err)
	}
	if o.Ring != "" {
		if c.Ring, err = cmdWord(o.Ring); err != nil {
			return nil, fmt.Errorf("ring: %w", err)
		}
	}
	for _, b := range o.Bases {
		base, err := cmdValue(b)
		if err != nil {
			return nil, fmt.Errorf("base: %w", err)
		}
		c.Bases = append(c.Bases, base)
	}
	c.Up = "."
	if place != "" {
		c.Up = strings.TrimSuffix(strings.Repeat(`..\`, strings.Count(place, "/")+1), `\`)
	}
	if c.Helper, err = cmdHelper(); err != nil {
		return nil, err
	}
	return c, nil
}

// cmdSystems are lines that find FAMILY and RELEASE by KERNEL, BUILD and TYPE.
func cmdSystems() []string {
	var lines []string
	for _, s := range Systems() {
		line := `if not defined FAMILY if "%KERNEL%"=="` + s.Version + `" `
		if s.Type != "" {
			line += `if "%TYPE%"=="` + s.Type + `" `
		}
		if s.MinBuild > 0 {
			line += "if %BUILD% GEQ " + strconv.Itoa(s.MinBuild) + " "
		}
		if s.MaxBuild > 0 {
			line += "if %BUILD% LEQ " + strconv.Itoa(s.MaxBuild) + " "
		}
		lines = append(lines, strings.TrimSuffix(line+"call :host_is "+string(s.Family)+" "+s.Release, " "))
	}
	return lines
}

// write runs the template of the script, with the line ends of Windows.
func (c *cmdSet) write() ([]byte, error) {
	var b bytes.Buffer
	if err := cmdTemplate.ExecuteTemplate(&b, c.Script, c); err != nil {
		return nil, err
	}
	b.WriteString("\nrem Only the whole of this script has its end.\n:whole\nexit /b 77\n")
	lines := bytes.ReplaceAll(b.Bytes(), []byte("\r"), nil)
	return bytes.ReplaceAll(lines, []byte("\n"), []byte("\r\n")), nil
}
