package main

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// What the tools answer that no package's plan says.
const (
	notFound       = 2           // the file, or what lies beside it, is not there
	badArguments   = 87          // ERROR_INVALID_PARAMETER
	badPathName    = 161         // of wusa, from a share with several packages in one folder (May 2025)
	notInstalled   = 2359303     // of wusa /uninstall (0x240007)
	noSuchPackage  = -2146498555 // of DISM (0x800f0805)
	namedACheck    = -2147024344 // of DISM, given a folder (0x80070228)
	noDriverChosen = 259
)

// cbs is where Windows keeps its list of packages.
const cbs = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`

// wusa installs one .msu, or takes one off by its article.
func (c *call) wusa() (int, error) {
	if has(c.Args, "/uninstall") {
		for _, a := range c.Args {
			if kb, ok := cutFold(a, "/kb:"); ok {
				return undo("KB"+kb, notInstalled)
			}
		}
		return badArguments, nil
	}
	if len(c.Args) == 0 || !has(c.Args, "/quiet") || !has(c.Args, "/norestart") {
		return badArguments, nil
	}
	packages := 0
	c.look(c.Args[0])
	for _, name := range c.Beside {
		if strings.EqualFold(filepath.Ext(name), ".msu") {
			packages++
		}
	}
	if strings.HasPrefix(c.Args[0], `\\`) && packages > 1 {
		return badPathName, nil
	}
	return install(c.Args[0], c.Beside)
}

// msiexec installs a package that is none, for the sake of its exit code.
func (c *call) msiexec() (int, error) {
	if len(c.Args) < 2 || !has(c.Args[:1], "/i") && !has(c.Args[:1], "/p") || !has(c.Args, "/qn") {
		return badArguments, nil
	}
	return install(c.Args[1], nil)
}

// dism adds, lists and removes packages of the running system.
func (c *call) dism() (int, error) {
	if !has(c.Args, "/online") {
		return badArguments, nil
	}
	if has(c.Args, "/get-packages") {
		names, err := subKeys(cbs)
		for _, name := range names {
			fmt.Printf("Package Identity : %s\nState : Installed\n\n", name)
		}
		return 0, err
	}
	for _, a := range c.Args {
		if name, ok := cutFold(a, "/packagename:"); ok && has(c.Args, "/remove-package") {
			return undo(name, noSuchPackage)
		}
		name, ok := cutFold(a, "/packagepath:")
		if !ok || !has(c.Args, "/add-package") {
			continue
		}
		if s, err := os.Stat(name); err == nil && s.IsDir() {
			return namedACheck, nil
		}
		c.look(name)
		return install(name, c.Beside)
	}
	return badArguments, nil
}

// expand unpacks a cabinet into a folder: the files that its plan writes.
func (c *call) expand() (int, error) {
	if len(c.Args) != 3 || !strings.EqualFold(c.Args[1], "-F:*") {
		return badArguments, nil
	}
	p, err := planOf(c.Args[0])
	if err != nil || p == nil {
		return notFound, err
	}
	for _, f := range p.Files {
		if err := write(filepath.Join(c.Args[2], f.Path), strings.NewReader(f.Text)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// pnputil adds one driver, in the words of Windows 10 1607 and in the older ones.
func (c *call) pnputil() (int, error) {
	var inf string
	switch {
	case len(c.Args) == 3 && has(c.Args[:1], "/add-driver") && has(c.Args, "/install"):
		inf = c.Args[1]
	case len(c.Args) == 3 && has(c.Args[:2], "-i") && has(c.Args[:2], "-a"):
		inf = c.Args[2]
	case len(c.Args) >= 2 && (has(c.Args[:1], "/delete-driver") || has(c.Args, "-d")):
		return undo(c.Args[1], notFound)
	default:
		return badArguments, nil
	}
	c.look(inf)
	p, err := planOf(inf)
	if err == nil && p == nil {
		return noDriverChosen, nil
	}
	return install(inf, c.Beside)
}

// look notes what lies beside a package.
func (c *call) look(name string) {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return
	}
	for _, e := range entries {
		c.Beside = append(c.Beside, e.Name())
	}
}

// install does what the plan of a package says, and keeps how it is undone.
func install(name string, beside []string) (int, error) {
	p, err := planOf(name)
	if os.IsNotExist(err) {
		return notFound, nil
	}
	if err != nil || p == nil {
		return 0, err
	}
	for _, need := range p.Needs {
		if !has(beside, need) {
			return notFound, nil
		}
	}
	if err := p.perform(name); err != nil {
		return 0, err
	}
	for _, n := range p.Names {
		line, err := json.Marshal(p.Undo)
		if err == nil {
			err = write(undoPath(n), strings.NewReader(string(line)))
		}
		if err != nil {
			return 0, err
		}
	}
	return p.Code, nil
}

// undo takes off what is known by that name.
func undo(name string, unknown int) (int, error) {
	data, err := os.ReadFile(undoPath(name))
	if os.IsNotExist(err) {
		return unknown, nil
	}
	if err != nil {
		return 0, err
	}
	p := new(plan)
	if err := json.Unmarshal(data, p); err != nil {
		return 0, err
	}
	if err := p.perform(""); err != nil {
		return 0, err
	}
	return p.Code, os.Remove(undoPath(name))
}

func undoPath(name string) string {
	return filepath.Join(`C:\stubs\undo`, strings.ToLower(variable(strings.ToLower(name)))+".json")
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// certutil prints a digest in the words of Windows 10, or of Windows 7, which puts
// blanks between the bytes. It may be mute, or be so the first time that it is asked of a file.
func certutil(args []string) (int, error) {
	if len(args) < 2 || !has(args[:1], "-hashfile") {
		return badArguments, nil
	}
	algorithm := "SHA1"
	if len(args) > 2 {
		algorithm = strings.ToUpper(args[2])
	}
	sum, err := digest(args[1], algorithm)
	if err != nil {
		fmt.Println("CertUtil: -hashfile command FAILED: 0x80070002 (WIN32: 2)")
		return -2147024894, nil
	}
	title := "hash of"
	switch os.Getenv("STUB_CERTUTIL") {
	case "7":
		title, sum = "hash of file", strings.TrimSpace(pairs(sum))
	case "mute":
		return 0, nil
	case "mute once":
		if f, err := os.OpenFile(os.Getenv("STUB_LOG")+"."+filepath.Base(args[1]), os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			return 0, f.Close()
		}
	}
	fmt.Printf("%s %s %s:\r\n%s\r\nCertUtil: -hashfile command completed successfully.\r\n", algorithm, title, args[1], sum)
	return 0, nil
}

func pairs(sum string) string {
	var b strings.Builder
	for i := 0; i+2 <= len(sum); i += 2 {
		b.WriteString(sum[i:i+2] + " ")
	}
	return b.String()
}

// fciv prints a digest as the File Checksum Integrity Verifier does: MD5 unless
// asked for SHA-1, which is all that it knows.
func fciv(args []string) (int, error) {
	algorithm, name := "MD5", ""
	for _, a := range args {
		switch {
		case strings.EqualFold(a, "-sha1"):
			algorithm = "SHA1"
		case strings.EqualFold(a, "-md5"):
		case name == "" && !strings.HasPrefix(a, "-"):
			name = a
		default:
			return 1, nil
		}
	}
	fmt.Print("//\r\n// File Checksum Integrity Verifier version 2.05.\r\n//\r\n")
	sum, err := digest(name, algorithm)
	if err != nil {
		fmt.Println("Error: file not found")
		return 1, nil
	}
	fmt.Printf("%s %s\r\n", sum, strings.ToLower(name))
	return 0, nil
}

func digest(name, algorithm string) (string, error) {
	makers := map[string]func() hash.Hash{"MD5": md5.New, "SHA1": sha1.New, "SHA256": sha256.New}
	maker, ok := makers[algorithm]
	if !ok {
		return "", fmt.Errorf("no such algorithm: %s", algorithm)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := maker()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
