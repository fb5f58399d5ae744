// Installer stands in for the installers of updates, and for tools of Windows, in
// tests under Wine. What it is, its own name says: wusa, dism, pnputil, msiexec, certutil
// and fciv are those tools; everything else is a package, which does what the plan at
// its end says (plan.go).
//
// Every call is recorded before anything is done: one JSON line in the file that
// STUB_LOG names. STUB_RC_<NAME> sets the exit code, and then nothing else is done
// unless the code is one of a success (0, 1641, 3010).
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// call is how the program was called, and what it answered.
type call struct {
	Name   string   `json:"name"` // of the program, in small letters and without .exe
	Args   []string `json:"args"`
	Dir    string   `json:"dir"`              // current
	Beside []string `json:"beside,omitempty"` // what lies in the folder of the package that a tool was given
	Code   int      `json:"code"`
}

func main() {
	self, err := os.Executable()
	if err != nil {
		fail(err)
	}
	if rest, ok := strings.CutPrefix(self, `UNC\`); ok { // what os.Executable leaves of \\?\UNC\server
		self = `\\` + rest
	}
	c := call{Name: stem(self), Args: os.Args[1:]}
	c.Dir, _ = os.Getwd() // its record says where it is; without one there is nothing to say
	forced, asked := os.LookupEnv("STUB_RC_" + variable(c.Name))
	if asked {
		if c.Code, err = strconv.Atoi(forced); err != nil {
			fail(err)
		}
	}
	if !asked || c.Code == 0 || c.Code == 1641 || c.Code == 3010 {
		code, err := c.run(self)
		if err != nil {
			fail(err)
		}
		if !asked {
			c.Code = code
		}
	}
	if err := c.record(os.Getenv("STUB_LOG")); err != nil {
		fail(err)
	}
	os.Exit(c.Code)
}

// run does what a program of that name does.
func (c *call) run(self string) (int, error) {
	switch c.Name {
	case "wusa":
		return c.wusa()
	case "dism":
		return c.dism()
	case "msiexec":
		return c.msiexec()
	case "pnputil":
		return c.pnputil()
	case "certutil":
		return certutil(c.Args)
	case "expand":
		return c.expand()
	case "fciv":
		return fciv(c.Args)
	}
	p, err := planOf(self)
	if err != nil || p == nil {
		return 0, err
	}
	if p.Undo != nil && has(c.Args, "-y") {
		p = p.Undo
	}
	return p.Code, p.perform(self)
}

func (c *call) record(name string) error {
	if name == "" {
		return nil
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func has(args []string, want string) bool {
	for _, a := range args {
		if strings.EqualFold(a, want) {
			return true
		}
	}
	return false
}

// stem is the name of a file in small letters, without folder and extension.
func stem(name string) string {
	base := strings.ToLower(filepath.Base(name))
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// variable is a name as it stands in that of a variable.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

// fail ends the program in a way that no installer does, so that a test sees it.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "stub:", err)
	os.Exit(99)
}
