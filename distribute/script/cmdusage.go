package script

import "strings"

// cmdFlags say what each argument of a script does.
var cmdFlags = map[string]string{
	"dry":    "/dry               say what would be done, start nothing and change nothing",
	"log":    "/log FILE          add to this log, in place of the one below Temp of Windows",
	"stage":  "/stage DIR         copy packages here first, check them here and run them from here",
	"only":   "/only ID           this package alone, as KB824146",
	"all":    "/all               all packages, the last first",
	"base":   "/base ADDRESS      where the tree is, if not above this script: a URL or a UNC path",
	"report": "/report ADDRESS    leave a report there: a folder by UNC, or the URL of the server",
}

// cmdUsage returns the help of a script.
func cmdUsage(name, flags string) []string {
	usage := []string{name + " takes:"}
	for flag := range strings.FieldsSeq(flags) {
		usage = append(usage, "  "+cmdFlags[flag])
	}
	usage = append(usage, "  /help              this")
	switch name {
	case "validate.cmd":
		usage = append(usage, "Exit: 0 all is as it should be, 1 something is missing or was replaced.")
	case "rollback.cmd":
		usage = append(usage, "Exit: 0 done, 3010 restart, 1618 another installation runs, 1 something failed or stays.")
	default:
		usage = append(usage, "Exit: 0 done, 3010 restart and run it again, 1618 another installation runs, 1 something failed.")
	}
	return usage
}
