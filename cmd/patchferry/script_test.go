package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write golden files, scripts and documents again")

func TestMain(m *testing.M) {
	// A program with the race detector sleeps for a second before it ends, to let
	// others report; nobody else reports here, and tests start it a thousand times.
	_ = os.Setenv(raceOptions, "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"patchferry": main})
}

// raceOptions is the variable that the race detector reads when a program starts.
const raceOptions = "GORACE"

// TestScript runs the program as a person would, whole, in folders of its own:
// every file in testdata/script is one story.
func TestScript(t *testing.T) {
	p := scripts()
	p.Dir = filepath.Join("testdata", "script")
	testscript.Run(t, p)
}

// scripts are the commands that scripts have besides the program, and the
// folders in which each runs.
func scripts() testscript.Params {
	return testscript.Params{
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "publish": publish, "announce": announce, "alter": alter, "mailbox": mailbox,
			"makekey": makeKeys, "readout": readOut, "today": today, "replace": replaceIn, "sign": sign, "publisher": publisher, "serving": serving, "get": get, "until": until,
			"hostile-summary": hostileSummary, "headers": headers, "needs": needs, "checks": checks, "flips": flips, "forges": forges, "replays": replays,
			"farside": farSide, "same": same, "types": types, "post": post, "holds": hasWord,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv(raceOptions, os.Getenv(raceOptions))
			example, err := filepath.Abs(filepath.Join("..", "..", "configs", "hooks", "mail-bulletin.sh"))
			if err != nil {
				return err
			}
			env.Setenv("MAIL_BULLETIN", example)
			env.Setenv("PATCHFERRY_LOG_FORMAT", "text")
			env.Values[serversKey{}] = make(servers)
			return nil
		},
	}
}

// exits is "exits STATUS COMMAND…": it runs a command and demands an exit
// status; stdout and stderr look at what it printed, as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v exits %d, want %d", args[1:], got, want)
	}
}
