// Start stands in for start.exe, as which Wine's cmd.exe runs its command of that name:
// start "" /wait PROGRAM ARGUMENTS, and nothing else.
//
// Wine's own gives each program a console of its own, and on a busy machine about one in
// three hundred of those does not begin: "ShellExecuteEx failed: Internal error." Here
// the program shares the console of the script.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"
)

func main() {
	program, line, err := toRun(commandLine())
	if err == nil {
		program, err = exec.LookPath(program)
	}
	if err != nil {
		fail(err)
	}
	cmd := &exec.Cmd{
		Path: program, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{CmdLine: line}, // as it was typed: programs divide it in their own ways
	}
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		fail(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// commandLine is how this program was called, all in one.
func commandLine() string {
	p := unsafe.Pointer(syscall.GetCommandLine())
	var line []uint16
	for ; *(*uint16)(p) != 0; p = unsafe.Add(p, 2) {
		line = append(line, *(*uint16)(p))
	}
	return syscall.UTF16ToString(line)
}

// toRun returns the program that a command line of start names, and what that is called
// by. Wine writes the title with its quotation marks as "\"\"".
func toRun(line string) (program, rest string, err error) {
	_, rest = word(line)
	title, rest := word(rest)
	option, rest := word(rest)
	if strings.Trim(title, `\`) != "" || !strings.EqualFold(option, "/wait") {
		return "", "", fmt.Errorf(`start: want "" /wait PROGRAM, got %s`, line)
	}
	program, _ = word(rest)
	return program, rest, nil
}

// word cuts the first word of a line off, without its quotation marks.
func word(line string) (first, rest string) {
	line = strings.TrimLeft(line, " ")
	quoted := false
	end := strings.IndexFunc(line, func(r rune) bool {
		quoted = quoted != (r == '"')
		return r == ' ' && !quoted
	})
	if end < 0 {
		end = len(line)
	}
	return strings.ReplaceAll(line[:end], `"`, ""), strings.TrimLeft(line[end:], " ")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "start:", err)
	os.Exit(1)
}
