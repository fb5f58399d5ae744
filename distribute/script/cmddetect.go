package script

import (
	"fmt"
	"strconv"
	"strings"

	"patchferry/layout"
)

// traces adds the lines that set HERE=1 where one of the traces that an item
// leaves is there, the cheap ones first.
func (w *cmdWriter) traces(d *Detect) {
	if d.SP > 0 {
		w.add("if %SP% GEQ " + strconv.Itoa(d.SP) + ` set "HERE=1"`)
	}
	for _, dir := range d.Dirs {
		dir, err := cmdPath(strings.TrimRight(dir, `\/`))
		w.found(`if exist "`+dir+`\" set "HERE=1"`, err)
	}
	for _, k := range d.Keys {
		w.key(k.Key, k.Value, k.Data)
	}
	for _, code := range d.Products {
		if !guid.MatchString(code) {
			w.found("", fmt.Errorf("%.60q is no code of a product", code))
			continue
		}
		w.key(productsKey+compressed(code), "", "")
		w.key(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\`+code, "", "")
		w.key(`HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\`+code, "", "")
	}
	for _, code := range d.Patches {
		if !guid.MatchString(code) {
			w.found("", fmt.Errorf("%.60q is no code of a patch", code))
			continue
		}
		w.key(patchesKey+compressed(code), "", "")
	}
	for _, kb := range d.Packages {
		w.word("PACK", kb)
		w.add("if not defined HERE call :pack")
	}
}

// found adds a line, unless err says that it has something that cannot stand there.
func (w *cmdWriter) found(line string, err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
	if err == nil {
		w.add(line)
	}
}

// key adds the lines that look for a key, or for a value of it.
func (w *cmdWriter) key(key, value, data string) {
	key, err := cmdValue(key)
	w.set("KEY", key, err)
	if value != "" {
		value, err = cmdValue(value)
		if err == nil && strings.HasPrefix(value, ";") {
			err = fmt.Errorf("%.60q begins with a character that cannot stand in a script", value)
		}
		w.set("VALUE", value, err)
	}
	if data != "" {
		data, err = cmdValue(data)
		w.set("DATA", data, err)
	}
	if name := listedKey(key); name != "" {
		w.add("if not defined HERE if defined KEY_" + name + " call :key")
		w.add("if not defined HERE if not defined KEYLIST call :key")
	} else {
		w.add("if not defined HERE call :key")
	}
	if value != "" {
		w.add(`set "VALUE="`)
		w.add(`set "DATA="`)
	}
}

// listedKey returns the name of a key that a script asks for with all of its
// kind at once, which Hotfix.exe and Update.exe leave, or "".
func listedKey(key string) string {
	for _, root := range []string{hotfixKey, updatesKey} {
		if len(key) <= len(root) || !strings.EqualFold(key[:len(root)], root) {
			continue
		}
		if name, err := cmdWord(key[strings.LastIndexByte(key, '\\')+1:]); err == nil {
			return name
		}
	}
	return ""
}

// installed adds the lines that clear FITS where a file is not as it should be.
func (w *cmdWriter) installed(files []layout.InstalledFile) {
	for i := range files {
		f := &files[i]
		name, err := cmdPath(f.Path)
		w.set("INSTALLED", name, err)
		if f.Version != "" {
			version, err := cmdVersion(f.Version)
			w.set("ATLEAST", version, err)
		}
		if f.Size > 0 {
			w.set("SIZE", strconv.FormatInt(f.Size, 10), nil)
		}
		w.digests(f.SHA256, f.SHA1, f.MD5)
		w.add("call :there")
	}
}

// cmdVersion returns a version in four numbers without leading zeros, which cmd
// would read as octal.
func cmdVersion(s string) (string, error) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return "", fmt.Errorf("%.60q is no version of up to four numbers", s)
	}
	numbers := make([]string, 4)
	for i := range numbers {
		numbers[i] = "0"
		if i >= len(parts) {
			continue
		}
		n, err := strconv.ParseUint(parts[i], 10, 31)
		if err != nil {
			return "", fmt.Errorf("%.60q is no version of up to four numbers", s)
		}
		numbers[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(numbers, "."), nil
}

// undo adds the lines that find the first command whose program is there.
func (w *cmdWriter) undo(it *Item) {
	for _, command := range it.Remove.Commands {
		args, err := cmdArgs(command.Args)
		w.set("UNDO", args, err)
		if command.Key != "" {
			key, err := cmdValue(command.Key)
			w.set("KEY", key, err)
		}
		if command.Program == "" {
			w.add("call :removes_itself")
		} else {
			program, err := cmdProgram(command.Program)
			w.set("PROGRAM", program, err)
			w.add("call :removes")
		}
		w.add("if defined CAN goto :eof")
	}
	why := it.Remove.Why
	if why == "" {
		why = "nothing that takes it off is there"
	}
	w.add("echo " + cmdEcho(cmdText(it.ID+" stays: "+why)))
}

// cmdProgram returns the program of a command. One of Windows' own stands without
// its folder: the script knows where those of the system's word length are.
func cmdProgram(s string) (string, error) {
	program, err := cmdPath(s)
	if bare, ok := strings.CutPrefix(program, `%SYS%\`); ok && !strings.Contains(bare, `\`) {
		program = bare
	}
	return program, err
}
