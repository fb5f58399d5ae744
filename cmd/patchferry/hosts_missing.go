package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/distribute/script"
	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// hostMissing is one line of hosts missing with --json (docs/json.md).
type hostMissing struct {
	Host     string          `json:"host"`
	OS       layout.OS       `json:"os,omitempty"`
	Release  string          `json:"release,omitempty"`
	SP       int             `json:"sp"`
	Build    string          `json:"build,omitempty"`
	Arch     layout.Arch     `json:"arch,omitempty"`
	Language layout.Language `json:"lang,omitempty"`
	Ring     string          `json:"ring"` // whose catalog counts
	Last     layout.Time     `json:"last"`
	Silent   bool            `json:"silent"`
	Overdue  int             `json:"overdue"` // of missing
	Missing  []missingUpdate `json:"missing"`
	Why      string          `json:"why,omitempty"` // nothing can be said
}

// missingUpdate is what one host lacks.
type missingUpdate struct {
	ID       string          `json:"id"` // of the item, as hosts report it
	Update   string          `json:"update"`
	KB       string          `json:"kb,omitempty"`
	Title    string          `json:"title,omitempty"`
	Severity layout.Severity `json:"severity,omitempty"`
	State    layout.Outcome  `json:"state,omitempty"`      // as it was reported; none: never
	Code     int32           `json:"code,omitempty"`       // exit code of the installer
	At       layout.Time     `json:"reported_at,omitzero"` // when
	Held     bool            `json:"held"`                 // its files are here, so that scripts can install it
	dueFrom
	Left    *int `json:"days_left,omitempty"`
	Overdue bool `json:"overdue"`
}

// missingFilter is the flags of hosts missing.
type missingFilter struct {
	bulletin, host string
	csv            bool
}

func (a *app) hostsMissingCommand() *cobra.Command {
	var f missingFilter
	cmd := &cobra.Command{
		Use:   "missing [--bulletin ID] [--host NAME] [--csv]",
		Short: "Say which updates hosts lack, what is overdue first",
		Long: `Print for each host what its ring has for its system, service pack, architecture and
language, and what it has not reported as installed, present or not applicable, with the
deadline (docs/deadlines.md): what is overdue first. What waits for a restart, failed or
stands behind a barrier is missing, with that state. A host that names no ring, or one
that is not known, is held to the last. With --bulletin only what that bulletin names by
KB article or that names the bulletin.

A report is the host's own word and proves nothing. Hosts that have not reported for
reports.silent are named apart, as they last reported; hosts that never did are not
known here.

Exit status 3 where something that is overdue is missing; whether a deadline has passed
goes by the later of its two days. Where nothing is overdue it is 0.`,
		Example: "  patchferry hosts missing\n  patchferry hosts missing --bulletin MS08-067\n  patchferry hosts missing --host PC01 --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.csv && a.json {
				return usageError("--csv and --json exclude each other")
			}
			return a.withSite(cmd, func(s *site, c *config.Config) error {
				return a.missing(cmd.Context(), s, c, f)
			})
		},
	}
	cmd.Flags().StringVar(&f.bulletin, "bulletin", "", "only what the bulletin `ID` announces")
	cmd.Flags().StringVar(&f.host, "host", "", "only the host `NAME`")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "print a table for spreadsheets (RFC 4180)")
	return cmd
}

func (a *app) missing(ctx context.Context, s *site, c *config.Config, f missingFilter) error {
	known, err := a.readHosts(ctx, c, false)
	if err != nil {
		return err
	}
	hosts := known.All()
	if f.host != "" {
		hosts = slices.DeleteFunc(hosts, func(h *distribute.Host) bool { return !strings.EqualFold(h.Name, f.host) })
		if len(hosts) == 0 {
			return withHint(fmt.Errorf("no host %q has reported", f.host), "patchferry hosts list")
		}
	}
	now := time.Now()
	needs, err := s.needsOf(ctx, c, hosts, f.bulletin)
	if err != nil {
		return err
	}
	if f.bulletin != "" && len(hosts) > 0 && !needs.knows(f.bulletin) {
		return withHint(fmt.Errorf("no bulletin in force is called %q, and no update for these hosts names it", f.bulletin), "patchferry bulletin list")
	}
	all := []hostMissing{}
	for _, h := range hosts {
		all = append(all, needs.missing(h, c, now))
	}
	slices.SortStableFunc(all, func(x, y hostMissing) int {
		return cmp.Or(boolRank(x.Silent, y.Silent), cmp.Compare(y.Overdue, x.Overdue))
	})
	if text := unreadReports(known); text != "" {
		a.note("%s", text)
	}
	if err := a.printMissing(all, f, c, now); err != nil {
		return err
	}
	return overdueError(all)
}

// boolRank orders what is not before what is.
func boolRank(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// overdueError says what is missing and overdue, if anything is.
func overdueError(all []hostMissing) error {
	updates, hosts := 0, 0
	for i := range all {
		updates += all[i].Overdue
		hosts += min(all[i].Overdue, 1)
	}
	if updates == 0 {
		return nil
	}
	return withCode(exitPart, fmt.Errorf("overdue: %s on %s", plural(updates, "missing update", "missing updates"), plural(hosts, "host", "hosts")))
}

// kindOfHost is what hosts have in common that get the same set.
type kindOfHost struct {
	ring string
	script.Host
}

// hostNeeds is what rings have for each kind of host.
type hostNeeds struct {
	said      *announcements
	deadlines layout.Deadlines
	bulletin  string
	rings     map[string]*trusted.Shown
	last      string // the ring of hosts that name none that is known
	options   func(ring string) script.Options
	sets      map[kindOfHost]*script.Set
	updates   map[kindOfHost]map[string]*layout.Update // by id
}

// needsOf reads the catalogs of the rings of hosts, each once, and plans what each kind
// of host needs.
func (s *site) needsOf(ctx context.Context, c *config.Config, hosts []*distribute.Host, bulletin string) (*hostNeeds, error) {
	e, err := s.mustNewest(ctx)
	if err != nil {
		return nil, err
	}
	notices, err := s.notices(ctx, e)
	if err != nil {
		return nil, err
	}
	n := &hostNeeds{
		said: announcing(notices), deadlines: c.Deadlines.Layout(), bulletin: bulletin, last: c.LastRing(),
		options: func(ring string) script.Options { return installOptions(c, ring, c.LastRing()) },
		sets:    make(map[kindOfHost]*script.Set), updates: make(map[kindOfHost]map[string]*layout.Update),
	}
	if n.rings, err = s.ringsShown(ctx, c); err != nil {
		return nil, err
	}
	kinds := make(map[string]map[kindOfHost][]*layout.Update)
	for _, h := range hosts {
		if kind, why := n.kind(h); why == "" {
			if kinds[kind.ring] == nil {
				kinds[kind.ring] = make(map[kindOfHost][]*layout.Update)
			}
			kinds[kind.ring][kind] = nil
		}
	}
	for ring, mine := range kinds {
		shown := n.rings[ring]
		for u, err := range withoutRevoked(shown.Updates(ctx), shown.Revoked) {
			if err != nil {
				return nil, fmt.Errorf("read the catalog of ring %s: %w", ring, err)
			}
			// What was taken out of a file is no package: scripts run that file.
			u.Files = slices.DeleteFunc(u.Files, func(f layout.File) bool { return !f.From.IsZero() })
			for kind := range mine {
				if kind.wants(u) {
					mine[kind] = append(mine[kind], u)
				}
			}
		}
		for kind, updates := range mine {
			n.plan(kind, updates)
		}
	}
	return n, nil
}

// kind returns what kind of host a host is, or why that cannot be said.
func (n *hostNeeds) kind(h *distribute.Host) (kindOfHost, string) {
	r := &h.Report
	lang, _ := layout.ParseLanguage(string(r.Language))
	kind := kindOfHost{r.Ring, script.Host{OS: r.OS.Family(), Arch: r.Arch, Language: lang}}
	if n.rings[kind.ring] == nil {
		kind.ring = n.last
	}
	switch {
	case r.OS == "" || r.Arch == "":
		return kind, "it does not say its system"
	case n.rings[kind.ring].Ring.IsZero():
		return kind, "ring " + kind.ring + " shows nothing yet"
	}
	return kind, ""
}

// wants reports whether an update may be for hosts of the kind; which are, script says.
func (k kindOfHost) wants(u *layout.Update) bool {
	sel := layout.Selection{OS: []layout.OS{k.OS}, Arch: []layout.Arch{k.Arch}}
	return sel.Match(u)
}

// plan plans the set of a kind of host.
func (n *hostNeeds) plan(kind kindOfHost, updates []*layout.Update) {
	n.sets[kind] = script.BuildFor(kind.Host, updates, n.options(kind.ring))
	byID := make(map[string]*layout.Update, len(updates))
	for _, u := range updates {
		byID[u.ID] = u
	}
	n.updates[kind] = byID
}

// missing says what a host lacks.
func (n *hostNeeds) missing(h *distribute.Host, c *config.Config, now time.Time) hostMissing {
	r := &h.Report
	kind, why := n.kind(h)
	one := hostMissing{
		Host: h.Name, OS: r.OS, Release: r.Release, SP: r.SP, Build: r.Build, Arch: r.Arch, Language: r.Language, Ring: kind.ring,
		Last: h.At, Silent: h.Silent(now, time.Duration(c.Reports.Silent)), Missing: []missingUpdate{}, Why: why,
	}
	if why != "" {
		return one
	}
	for i := range n.sets[kind].Items {
		item := &n.sets[kind].Items[i]
		u := n.updates[kind][item.Update]
		reported := wordOn(h, item.ID)
		if u == nil || reported.State.Done() || !item.Gate.Admits(r) || !n.wanted(u) {
			continue
		}
		m := missingUpdate{
			ID: item.ID, Update: u.ID, KB: u.KB, Title: u.Title, Severity: u.Severity, Held: isHeld(u),
			State: reported.State, Code: reported.Code, At: reported.At, dueFrom: n.said.dueOfUpdate(n.deadlines, u),
		}
		if left, ok := m.Due.Days(now); ok {
			m.Left, m.Overdue = &left, left < 0
		}
		if m.Overdue {
			one.Overdue++
		}
		one.Missing = append(one.Missing, m)
	}
	slices.SortStableFunc(one.Missing, comparePressing)
	return one
}

// comparePressing orders what is overdue first, then what is due next.
func comparePressing(x, y missingUpdate) int {
	return cmp.Or(boolRank(y.Overdue, x.Overdue), cmp.Compare(dueDay(x.Due), dueDay(y.Due)))
}

// knows reports whether there is such a bulletin: a mistyped one would else be one that
// nobody lacks.
func (n *hostNeeds) knows(bulletin string) bool {
	if len(n.said.byName[strings.ToUpper(bulletin)]) > 0 {
		return true
	}
	for _, updates := range n.updates {
		for _, u := range updates {
			if n.wanted(u) {
				return true
			}
		}
	}
	return false
}

// wanted reports whether an update is named by the bulletin that was asked for.
func (n *hostNeeds) wanted(u *layout.Update) bool {
	if n.bulletin == "" || slices.ContainsFunc(u.Bulletins, func(b string) bool { return strings.EqualFold(b, n.bulletin) }) {
		return true
	}
	found, how := n.said.naming(u)
	for k, i := range found {
		if how[k] != byCVE && strings.EqualFold(n.said.all[i].Name, n.bulletin) {
			return true
		}
	}
	return false
}
