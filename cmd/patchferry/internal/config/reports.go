package config

import (
	"net/netip"
	"path/filepath"
	"strconv"

	"patchferry/distribute"
)

// Reports says whether hosts may report what they have installed, and what is kept of it.
type Reports struct {
	Accept  bool     `toml:"accept"`
	From    []string `toml:"from"`
	Drop    string   `toml:"drop"`
	Also    []string `toml:"also"`
	MaxSize Size     `toml:"max_size"`
	Keep    Duration `toml:"keep"`
	Silent  Duration `toml:"silent"`
}

func defaultReports() Reports {
	r := Reports{MaxSize: distribute.DefaultReportsSize, Keep: Duration(distribute.DefaultReportsKeep), Silent: Duration(30 * day)}
	for _, p := range distribute.DefaultReporters() {
		r.From = append(r.From, p.String())
	}
	return r
}

func (r *Reports) fields() []field {
	return []field{
		{"reports.accept", &r.Accept, "Whether serve takes what hosts report, at POST /report. See docs/reports.md."},
		{"reports.from", &r.From, "The networks from which it does."},
		{"reports.drop", &r.Drop, "A folder, behind a share that can only be written to, from which serve and hosts take reports. Empty: none."},
		{"reports.also", &r.Also, "Folders of reports of other servers, or copies of them, that hosts and status read besides this machine's, which is reports in the work directory."},
		{"reports.max_size", &r.MaxSize, "How large the reports of this machine may be in all; when they are, none is taken until old ones go."},
		{"reports.keep", &r.Keep, "How long reports are kept."},
		{"reports.silent", &r.Silent, "A host that has not reported for so long is named apart; 0 is never."},
	}
}

// ReportsPath returns the absolute path of the folder of reports of this machine.
func (c *Config) ReportsPath() string { return c.WorkFile("reports") }

// ReportFolders returns the absolute paths of all folders of reports, this machine's
// first.
func (c *Config) ReportFolders() []string {
	all := []string{c.ReportsPath()}
	for _, dir := range c.Reports.Also {
		all = append(all, c.Path(dir))
	}
	return all
}

// Reporters returns the networks of reports.from; check has refused what is none.
func (r *Reports) Reporters() []netip.Prefix {
	all := []netip.Prefix{} // from nowhere, where it is set to nothing
	for _, s := range r.From {
		if p, err := netip.ParsePrefix(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// reports holds the section to what can be done.
func (c *checker) reports() {
	r := &c.l.Reports
	for _, s := range r.From {
		if p, err := netip.ParsePrefix(s); err != nil || p != p.Masked() || p.Addr().Is4In6() {
			c.fail("reports.from", strconv.Quote(s), "not a network; allowed: for example 10.0.0.0/8, 192.0.2.7/32 or fd00::/8")
		}
	}
	if r.Accept && len(r.From) == 0 {
		c.fail("reports.from", "[]", "nobody could report; name networks, or leave out accept")
	}
	if r.MaxSize == 0 {
		c.fail("reports.max_size", `"0B"`, "nothing would fit; allowed: more than 0")
	}
	if r.Keep < Duration(day) {
		c.fail("reports.keep", strconv.Quote(r.Keep.String()), "allowed: a day or more")
	}
	if r.Silent > r.Keep {
		c.fail("reports.silent", strconv.Quote(r.Silent.String()), "is longer than keep = %q: a host would be forgotten before it is named", r.Keep)
	}
	c.notOwnReports("reports.drop", r.Drop)
	for _, dir := range r.Also {
		c.notOwnReports("reports.also", dir)
	}
}

// notOwnReports refuses a folder that this machine writes itself.
func (c *checker) notOwnReports(key, dir string) {
	if dir != "" && filepath.Clean(c.l.Path(dir)) == filepath.Clean(c.l.ReportsPath()) {
		c.fail(key, strconv.Quote(dir), "is the folder in which this machine keeps its reports; name another")
	}
}
