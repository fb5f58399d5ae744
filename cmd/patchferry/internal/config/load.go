package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// MaxSize is the largest configuration file in bytes.
const MaxSize = 1 << 20

// Request says where a configuration is to be looked for.
type Request struct {
	File  string            // named by the operator; "" looks in Places
	Env   []string          // "NAME=value", as os.Environ returns it
	Flags map[string]string // by key: {"listen": ":80"}
	Dir   string            // the current directory, absolute
}

// Places lists where a configuration is looked for when none is named, first
// found first.
func Places(dir string) []string {
	return []string{filepath.Join(dir, "patchferry.toml"), "/etc/patchferry/patchferry.toml"}
}

// Origin says where the value of a key came from.
type Origin struct {
	From string `json:"from"`           // default, file, environment or flag
	Name string `json:"name,omitempty"` // the file, the variable, the flag
	Line int    `json:"line,omitempty"` // in the file
}

// Loaded is a configuration with the origin of its values.
type Loaded struct {
	Config
	File     string // absolute; "" where there is none
	Warnings []string
	places   places
	origins  map[string]Origin
}

// Load reads, merges and checks a configuration. What is wrong is reported
// whole, as joined *Error; a configuration that is nowhere is ErrNone, unless
// the environment names a store.
func Load(r Request) (*Loaded, error) {
	l := &Loaded{Config: Default(), origins: make(map[string]Origin)}
	l.dir = r.Dir
	env := environment(r.Env)
	data, err := l.read(r, env)
	if err != nil {
		return nil, err
	}
	decoder := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := decoder.Decode(&l.Config); err != nil {
		return nil, decodeErrors(l.File, err)
	}
	l.places = locate(l.File, data)
	l.replaceDeadlines()
	for key, line := range l.places.line {
		l.origins[key] = Origin{From: "file", Name: l.File, Line: line}
	}
	err = errors.Join(l.environment(env), l.flags(r.Flags))
	if err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	l.warn(env)
	return l, nil
}

// read returns the content of the configuration file, or none where the
// environment stands in for it.
func (l *Loaded) read(r Request, env map[string]string) ([]byte, error) {
	named := r.File
	if named == "" {
		named = env["PATCHFERRY_CONFIG"]
	}
	candidates := Places(r.Dir)
	if named != "" {
		if !filepath.IsAbs(named) {
			named = filepath.Join(r.Dir, named)
		}
		candidates = []string{named}
	}
	for _, name := range candidates {
		data, err := readLimited(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &Error{File: name, Problem: err.Error()}
		}
		l.File, l.dir = name, filepath.Dir(name)
		return data, nil
	}
	if named != "" {
		return nil, fmt.Errorf("%w: %s does not exist", ErrNone, named)
	}
	if env["PATCHFERRY_STORE"] != "" {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: neither %s exists", ErrNone, strings.Join(candidates, " nor "))
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("larger than %s", Size(MaxSize))
	}
	return data, nil
}

func environment(vars []string) map[string]string {
	env := make(map[string]string)
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if ok && strings.HasPrefix(name, "PATCHFERRY_") {
			env[name] = value
		}
	}
	return env
}

// environment sets every key that has a variable.
func (l *Loaded) environment(env map[string]string) error {
	var problems []error
	for _, f := range l.all() {
		name := envName(f.name)
		text, ok := env[name]
		if !ok {
			continue
		}
		if err := set(f.ptr, text); err != nil {
			problems = append(problems, &Error{Origin: name, Key: f.name, Problem: err.Error()})
			continue
		}
		l.origins[f.key] = Origin{From: "environment", Name: name}
	}
	return errors.Join(problems...)
}

// flags sets the keys that were given on the command line.
func (l *Loaded) flags(flags map[string]string) error {
	var problems []error
	for _, f := range l.all() {
		text, ok := flags[f.name]
		if !ok {
			continue
		}
		origin := "--" + strings.ReplaceAll(f.name, ".", "-")
		if err := set(f.ptr, text); err != nil {
			problems = append(problems, &Error{Origin: origin, Key: f.name, Problem: err.Error()})
			continue
		}
		l.origins[f.key] = Origin{From: "flag", Name: origin}
	}
	return errors.Join(problems...)
}

// located is a field with its key as places and origins name it.
type located struct {
	field
	key string // "source[0].url" where name is "source.xp.url"
}

// all lists the fields of the configuration and of each of its sources and
// streams, whose keys are named by them, so that variables can be.
func (l *Loaded) all() []located {
	var all []located
	for _, f := range l.fields() {
		all = append(all, located{f, f.name})
	}
	for i := range l.Sources {
		for _, f := range l.Sources[i].fields() {
			key := "source[" + strconv.Itoa(i) + "]." + f.name
			f.name = "source." + l.Sources[i].Name + "." + f.name
			all = append(all, located{f, key})
		}
	}
	for i := range l.Streams {
		for _, f := range l.Streams[i].fields() {
			key := "stream[" + strconv.Itoa(i) + "]." + f.name
			f.name = "stream." + l.Streams[i].Name + "." + f.name
			all = append(all, located{f, key})
		}
	}
	for i := range l.Prefetch {
		for _, f := range l.Prefetch[i].fields() {
			key := "prefetch[" + strconv.Itoa(i) + "]." + f.name
			f.name = "prefetch." + strconv.Itoa(i+1) + "." + f.name
			all = append(all, located{f, key})
		}
	}
	for i := range l.Overrides {
		for _, f := range l.Overrides[i].fields() {
			key := "override[" + strconv.Itoa(i) + "]." + f.name
			f.name = "override." + strconv.Itoa(i+1) + "." + f.name
			all = append(all, located{f, key})
		}
	}
	return all
}

// Setting is one key with its value in force.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // as it would be written in the file
	Origin Origin `json:"origin"`
}

// Settings lists every key with the value in force and where it came from;
// keys of sources only where they are set.
func (l *Loaded) Settings() []Setting {
	var settings []Setting
	for _, f := range l.all() {
		origin, ok := l.origins[f.key]
		if !ok {
			origin = Origin{From: "default"}
			if f.key != f.name {
				continue
			}
		}
		settings = append(settings, Setting{Key: f.name, Value: literal(f.ptr), Origin: origin})
	}
	return settings
}
