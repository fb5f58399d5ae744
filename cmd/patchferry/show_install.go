package main

import (
	"net"
	"path"
	"strings"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/distribute/script"
	"patchferry/layout"
)

// installHow says how a host installs one update, as administrator.
type installHow struct {
	Share string   `json:"share,omitempty"` // from a share or medium that has the tree
	HTTP  string   `json:"http,omitempty"`  // from this server, without a share
	Hand  []string `json:"hand,omitempty"`  // without a script, in the update's folder, in this order
	Left  []string `json:"left,omitempty"`  // what no script can install, and why
	Stays []string `json:"stays,omitempty"` // what cannot be removed again, and why
}

// installOf returns the commands that install an update, as far as a script can.
func installOf(c *config.Config, u *layout.Update) *installHow {
	o := installOptions(c, c.LastRing(), c.LastRing())
	o.HeldOnly = c.Role == config.Far || c.Filling.Mode == config.FillOff // else hosts get it when they ask
	set := script.Build([]*layout.Update{layout.Trimmed(u)}, o)
	var how installHow
	for _, l := range set.Left {
		how.Left = append(how.Left, strings.TrimPrefix(l.File+": "+l.Why, ": "))
	}
	if len(set.Items) == 0 || u.Folder == "" {
		return &how
	}
	share, server := `\\SERVER\SHARE`, "http://"+net.JoinHostPort("SERVER", portOf(c.Listen))
	for _, base := range set.Bases {
		if strings.Contains(base, "://") {
			server = strings.TrimSuffix(base, "/")
			continue
		}
		share = strings.TrimSuffix(base, `\`)
	}
	how.Share = `"` + share + `\` + strings.ReplaceAll(u.Folder, "/", `\`) + `\install.cmd"`
	how.HTTP = "curl.exe -O " + server + "/" + installUpdates + path.Base(u.Folder) + "/install.cmd && install.cmd /base " + server
	for i := range set.Items {
		item := &set.Items[i]
		how.Hand = append(how.Hand, item.ByHand())
		if len(item.Remove.Commands) == 0 && item.Remove.Why != "" {
			how.Stays = append(how.Stays, item.ID+": "+item.Remove.Why)
		}
	}
	return &how
}

// portOf returns the port of an address to listen on.
func portOf(listen string) string {
	if _, port, err := net.SplitHostPort(listen); err == nil {
		return port
	}
	return "8530"
}

// printInstall says how an update is installed.
func printInstall(row func(name, value string), how *installHow) {
	if how == nil {
		return
	}
	if how.Share != "" {
		row("install", "from a share or medium: "+how.Share)
		row("", "by HTTP: "+how.HTTP)
	}
	for _, command := range how.Hand {
		row("", "by hand: "+command)
	}
	for _, l := range how.Left {
		row("no script", oneLine(l, maxWords))
	}
	for _, s := range how.Stays {
		row("stays", oneLine(s, maxWords))
	}
}

// installOptions says how scripts are made for what a ring shows, where hosts that ask
// for none get the root's.
func installOptions(c *config.Config, ring, root string) script.Options {
	o := script.Options{Ring: root, Bases: c.Install.Bases, Overrides: c.ScriptOverrides()}
	if ring != root {
		return distribute.ForRing(o, ring)
	}
	return o
}
