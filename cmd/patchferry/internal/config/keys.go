package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Key is one key of the configuration as it is documented.
type Key struct {
	Name    string // "fetch.per_host"; keys of a source are "source.url", of a stream "stream.mode", of a rule "prefetch.os"
	Env     string // the variable that sets it; NAME stands for the name of the source or stream, NUMBER for the place of the rule, from 1 on
	Default string // as it would be written in the file
	Doc     string
}

// Keys lists every key, in the order of the documentation.
func Keys() []Key {
	def := Default()
	var keys []Key
	for _, f := range def.fields() {
		keys = append(keys, Key{Name: f.name, Env: envName(f.name), Default: literal(f.ptr), Doc: f.doc})
	}
	for _, f := range new(Source).fields() {
		keys = append(keys, Key{
			Name:    "source." + f.name,
			Env:     "PATCHFERRY_SOURCE_NAME_" + strings.TrimPrefix(envName(f.name), "PATCHFERRY_"),
			Default: literal(f.ptr),
			Doc:     f.doc,
		})
	}
	for _, f := range new(Stream).fields() {
		keys = append(keys, Key{
			Name:    "stream." + f.name,
			Env:     "PATCHFERRY_STREAM_NAME_" + strings.TrimPrefix(envName(f.name), "PATCHFERRY_"),
			Default: literal(f.ptr),
			Doc:     f.doc,
		})
	}
	for _, f := range new(Prefetch).fields() {
		keys = append(keys, Key{
			Name:    "prefetch." + f.name,
			Env:     "PATCHFERRY_PREFETCH_NUMBER_" + strings.TrimPrefix(envName(f.name), "PATCHFERRY_"),
			Default: literal(f.ptr),
			Doc:     f.doc,
		})
	}
	for _, f := range new(Override).fields() {
		keys = append(keys, Key{
			Name:    "override." + f.name,
			Env:     "PATCHFERRY_OVERRIDE_NUMBER_" + strings.TrimPrefix(envName(f.name), "PATCHFERRY_"),
			Default: literal(f.ptr),
			Doc:     f.doc,
		})
	}
	return keys
}

// field is one key with the place of its value.
type field struct {
	name string
	ptr  any // what set and literal know
	doc  string
}

func (c *Config) fields() []field {
	fields := []field{
		{"role", &c.Role, "The side of the air gap this machine stands on: near (with the Internet) or far (with nothing)."},
		{"name", &c.Name, "The name of this site. A far side must have one: transfer bundles may be for it alone, and its receipts bear it."},
		{"store", &c.Store, "Where everything that is mirrored lives: a directory, as a path or a file:// URL, or a bucket, s3://BUCKET/PREFIX?endpoint=https://HOST:PORT (above). On a far side the endpoint is a loopback or private address."},
		{"work", &c.Work, "A directory for journals, locks, indexes and the high-water mark. Keep it on a local disk, and never in the store: what it remembers guards against a store that was set back. Where the store is a bucket, files are staged here, too."},
		{"keys", &c.Keys, "The directory of the signing keys (site.key, origin.key) and of the pins, which say whose signatures count."},
		{"passphrase_file", &c.PassphraseFile, "A file whose first line opens the signing keys, where they have a passphrase. Without it sync asks on a terminal."},
		{"listen", &c.Listen, "Where serve listens, host:port; without a host on all addresses. On a far side the host is an address."},
		{"actor", &c.Actor, "What the log of states calls whoever runs a command. Empty: the login name."},
		{"stale", &c.Stale, "After how long without an answer of some source status says that the mirror is stale (exit status 20). A far side goes by when its next transfer bundle is due."},
		{"progress", &c.Progress, "How long work is shown: auto (bar on a terminal, lines elsewhere), bar, lines, json, none."},
		{"tls.cert", &c.TLS.Cert, "Certificate chain in PEM for https; read again when the file changes."},
		{"tls.key", &c.TLS.Key, "The certificate's private key in PEM."},
		{"log.level", &c.Log.Level, "The least level that is logged: debug, info, warn, error."},
		{"log.access", &c.Log.Access, "Whether serve logs every request."},
		{"log.format", &c.Log.Format, "auto (text on a terminal, JSON elsewhere), text, json."},
	}
	fields = append(fields, c.Select.fields("select.")...)
	fields = append(fields,
		field{"fetch.connections", &c.Fetch.Connections, "Files fetched at the same time."},
		field{"fetch.per_host", &c.Fetch.PerHost, "Of these, from one host."},
		field{"fetch.fills", &c.Fetch.Fills, "Parts of files that hosts wait for, fetched from one host at the same time, beside connections."},
		field{"fetch.rate", &c.Fetch.Rate, "Bytes a second in all, for example 10MB/s; 0 is no limit. It may depend on the time of day, in local time: \"20MB/s, 06:00-18:00 1MB/s\"; of several spans the first that is open counts."},
		field{"fetch.windows", &c.Fetch.Windows, `When files are fetched, in local time, for example ["22:00-06:00"]; empty is always. What hosts wait for is fetched at any time, at the rate of that time.`},
		field{"fetch.proxy", &c.Fetch.Proxy, "An http proxy for publishers, http://host:port. The proxy variables of the environment are not read."},
		field{"fetch.ca", &c.Fetch.CA, "A PEM file of certificates that publishers may have besides those the system trusts."},
		field{"fetch.stall", &c.Fetch.Stall, "A connection on which no byte came for so long is given up and the file resumed."},
		field{"fetch.retries", &c.Fetch.Retries, "How often a file is tried again without progress."},
		field{"fetch.extract", &c.Fetch.Extract, "Whether what is in a service pack is handed out, too, so that its update.exe and Update.msi have paths of their own (docs/smb.md). What was taken out once stays with its package."},
		field{"serve.max_requests", &c.Serve.MaxRequests, "Requests answered at the same time; one more is told 503 and to come back."},
		field{"serve.drain", &c.Serve.Drain, "How long running downloads may go on after the server was told to stop."},
		field{"serve.cache", &c.Serve.Cache, "Where serve keeps copies of what it reads from a bucket, a folder of its own on a local disk. Empty: cache in the work directory. A store in a directory needs none."},
		field{"serve.cache_size", &c.Serve.CacheSize, "How large these copies may be in all, for example 200GB, well above the largest file; 0 is half of what they have and what is free on the disk when serve starts."},
		field{"serve.stream_over", &c.Serve.StreamOver, "Files larger than this are handed out while they come from a bucket, all but their end; of all others hosts get no byte before the whole was found right. See docs/replicas.md."},
		field{"prune.keep", &c.Prune.Keep, "Generations younger than this are kept, and the last four whatever their age."},
		field{"prune.grace", &c.Prune.Grace, "How long a plan of prune must rest before it is applied."},
	)
	fields = append(fields, c.Filling.fields()...)
	fields = append(fields, c.Install.fields()...)
	fields = append(fields, c.Unlisted.fields()...)
	fields = append(fields, c.Rings.fields()...)
	fields = append(fields, c.Reports.fields()...)
	fields = append(fields, c.Origin.fields()...)
	fields = append(fields, c.Deadlines.fields()...)
	return append(fields, c.Hooks.fields()...)
}

func (s *Select) fields(prefix string) []field {
	return []field{
		{prefix + "languages", &s.Languages, "Languages, for example [\"EN\", \"DE\"]. Updates for none or all languages are selected with any."},
		{prefix + "os", &s.OS, "Operating systems, families or releases: [\"windowsxp\", \"windows11-24h2\"]."},
		{prefix + "arch", &s.Arch, "Architectures: [\"x86\", \"x64\"]."},
		{prefix + "classifications", &s.Classifications, "Classifications: [\"security_update\", \"service_pack\"]."},
		{prefix + "severities", &s.Severities, "Severities, of updates that state one: [\"Critical\", \"Important\"]."},
		{prefix + "products", &s.Products, "Products in the source's own words, by patterns as in include: [\"windows 11\", \"Office 20*\"]."},
		{prefix + "since", &s.Since, "Released on this day or later, YYYY-MM-DD."},
		{prefix + "until", &s.Until, "Released on this day or earlier, YYYY-MM-DD."},
		{prefix + "include", &s.Include, "Only what matches one of these patterns over id, KB, title and file names."},
		{prefix + "exclude", &s.Exclude, "Nothing that matches one of these patterns; wins over include."},
	}
}

func (s *Source) fields() []field {
	return append([]field{
		{"name", &s.Name, "The source's name, the first part of the ids of its updates and documents: lower-case letters, digits and hyphens. Never change it."},
		{"kind", &s.Kind, "What it is: a list of updates (links, metalink, updates), or bulletins (bulletins, csaf)."},
		{"url", &s.URL, "Where the list, the bulletin or the publisher's metadata is, http or https; or path."},
		{"urls", &s.URLs, "Bulletins at several places, for kind bulletins; in place of url."},
		{"path", &s.Path, "A list in a local file; a folder, mailbox or mirrored publisher on this machine; or url."},
		{"signed", &s.Signed, "Whether bulletins must be signed. false is for a publisher that signs nothing: what it announces is shown as unsigned and is never trusted."},
		{"profile", &s.Profile, "How strictly the signatures of bulletins are judged: csaf or historical; by default as the kind asks for: csaf for csaf, historical for bulletins."},
		{"trust", &s.Trust, "What admits files that nobody vouches for: nothing (the default), first-use (pin what came first), capture (keep every version of what changes in place)."},
		{"fill", &s.Fill, "When files come: all (the default) with sync; on-demand when a host first asks serve for one, while sync brings the list and what [[prefetch]] selects."},
		{"hosts", &s.Hosts, "Hosts, host:port or *.domain, that files may come from besides the list's own. A list's content never extends this."},
		{"rate", &s.Rate, "Bytes a second from this source, as fetch.rate; 0 is no limit of its own."},
		{"enabled", &s.Enabled, "Whether sync visits the source; true unless false is written."},
	}, s.Select.fields("select.")...)
}

// setter is a list that is set from one text.
type setter interface{ Set(text string) error }

// set reads text, from the environment or a flag, into the place ptr.
func set(ptr any, text string) error {
	switch p := ptr.(type) {
	case *string:
		*p = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not allowed; allowed: true, false", text)
		}
		*p = b
	case **bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not allowed; allowed: true, false", text)
		}
		*p = &b
	case *[]string:
		*p = splitList(text)
	case setter:
		return p.Set(text)
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	default:
		return fmt.Errorf("a %T cannot be set from a text", ptr)
	}
	return nil
}

// reread holds a value that came from the file to its type. The TOML decoder
// asks UnmarshalText only of types that are no strings by another name.
func reread(ptr any) error {
	if list, ok := ptr.(interface{ Reread() error }); ok {
		return list.Reread()
	}
	v := reflect.ValueOf(ptr).Elem()
	if u, ok := ptr.(encoding.TextUnmarshaler); ok && v.Kind() == reflect.String {
		return u.UnmarshalText([]byte(v.String()))
	}
	return nil
}

// literal returns the value at ptr as it is written in the file.
func literal(ptr any) string {
	switch p := ptr.(type) {
	case *int:
		return strconv.Itoa(*p)
	case *bool:
		return strconv.FormatBool(*p)
	case **bool:
		return strconv.FormatBool(*p == nil || **p)
	case interface{ Literal() string }:
		return p.Literal()
	case *[]string:
		return array(*p)
	case interface{ Strings() []string }:
		return array(p.Strings())
	case fmt.Stringer:
		return strconv.Quote(p.String())
	case *string:
		return strconv.Quote(*p)
	default:
		return strconv.Quote(reflect.ValueOf(ptr).Elem().String()) // a string by another name
	}
}

func array(words []string) string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, strconv.Quote(w))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
