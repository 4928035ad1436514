package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"shoal/internal/text"
)

// maxProblems is how many problems of a file are told.
const maxProblems = 50

// Errors is everything that is wrong, in the order of the lines. It is never empty.
type Errors []Problem

// Error has the problems in one sentence each.
func (e Errors) Error() string {
	words := make([]string, len(e))
	for i, p := range e {
		words[i] = p.Error()
	}
	return strings.Join(words, "; ")
}

// Warning is what is allowed, but hardly meant.
type Warning = Problem

// Load reads the file at path, "" for none, and returns what is in force: what the environment says, else the file with its
// profile, else the defaults. profile is "" for none; lookupEnv is os.LookupEnv, or one that takes an empty variable for none. What is
// wrong with values is an Errors of at most 50; a file that cannot be read, or has more than 1 MiB, is an error by itself, and one that is not
// there wraps fs.ErrNotExist. Without a home folder download.dir is empty unless it is given.
func Load(path, profile string, lookupEnv func(string) (string, bool)) (*Config, []Warning, error) {
	l := loader{c: &Config{Path: path, Profile: profile, origins: map[string]string{}}, env: lookupEnv, file: "configuration"}
	l.place.home = home(lookupEnv)
	for i := range Keys {
		// Fails for a folder in a home that nobody knows, and leaves it empty. That all others fit is tested.
		_ = Keys[i].put(l.c, Keys[i].Default, l.place)
	}
	var src []byte
	if path != "" {
		var err error
		if src, err = l.open(path); err != nil {
			return nil, nil, err
		}
	}
	l.read(src)
	l.environment()
	if len(l.bad) == 0 {
		l.together()
	}
	if len(l.bad) > 0 {
		slices.SortStableFunc(l.bad, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, l.warnings, l.bad
	}
	return l.c, l.warnings, nil
}

// Override gives a key the value of a flag, as the flag was written.
func (c *Config) Override(key, value, flag string) error {
	k := Find(key)
	if k == nil {
		return fmt.Errorf("there is no key %s", key)
	}
	v := k.fromText(value)
	if k.Negated {
		v = opposite(v)
	}
	// Paths of flags are taken as they are: the shell has expanded them, and the command resolves them.
	if err := k.put(c, v, place{}); err != nil {
		return fmt.Errorf("--%s %s: write %s", flag, given(v), k.Allowed())
	}
	c.origins[key] = "--" + flag
	return nil
}

// Value returns the value of a key as its flag takes it.
func (c *Config) Value(k *Key) string {
	s := k.print(c)
	switch at := k.at(c).(type) {
	case *string:
		return *at
	case *[]string:
		return strings.Join(*at, ",")
	case *bool:
		return fmt.Sprint(*at != k.Negated)
	}
	return strings.Trim(s, `"`)
}

type loader struct {
	c        *Config
	env      func(string) (string, bool)
	file     string // how the file is called in messages
	place    place
	lines    map[string]int
	bad      Errors
	warnings []Warning
}

func home(lookupEnv func(string) (string, bool)) string {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	h, _ := lookupEnv(name)
	if !filepath.IsAbs(h) {
		return ""
	}
	return h
}

func (l *loader) problem(where string, line int, key, message string) {
	if len(l.bad) == maxProblems {
		return
	}
	if where == "" {
		where = l.at(line)
	}
	l.bad = append(l.bad, Problem{where, line, key, text.Clean(message, 400)})
}

func (l *loader) warn(line int, key, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{l.at(line), line, key, text.Clean(fmt.Sprintf(format, args...), 400)})
}

// at names a line of the file.
func (l *loader) at(line int) string {
	if line == 0 {
		return l.file
	}
	return fmt.Sprintf("%s:%d", l.file, line)
}

// open reads the file.
func (l *loader) open(path string) ([]byte, error) {
	l.file = path
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	l.place.dir = filepath.Dir(abs)
	st, err := os.Stat(path) // first: to open a pipe would wait for its other end
	if err != nil {
		return nil, fileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("configuration file %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fileError(path, err)
	case len(src) > maxFile:
		return nil, fmt.Errorf("configuration file %s: larger than 1 MiB", path)
	}
	if exposed(st.Mode()) && text.Mask(string(src)) != string(src) {
		l.warn(0, "", "holds a secret, and others may read it: chmod 600 %s", path)
	}
	return src, nil
}

func fileError(path string, err error) error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return fmt.Errorf("configuration file %s: %w", path, err)
}

// exposed reports whether others than the owner may read a file. Windows has no such bits.
func exposed(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode&0o044 != 0 }

// read takes over what the file says.
func (l *loader) read(src []byte) {
	values, lines, bad := parse(src)
	if bad != nil {
		l.problem("", bad.Line, "", bad.Message)
		return
	}
	l.lines = lines
	profiles, _ := values["profile"].(map[string]any)
	if v, ok := values["profile"]; ok && profiles == nil {
		l.problem("", l.line("profile"), "profile", "profile is "+given(v)+"; write tables like [profile.NAME.limits]")
	}
	delete(values, "profile")
	l.sections("", values, l.c)
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		in := &Config{origins: map[string]string{}} // what is not chosen is looked at all the same
		if name == l.c.Profile {
			in = l.c
		}
		path := "profile." + name
		if overrides, ok := profiles[name].(map[string]any); ok {
			l.sections(path+".", overrides, in)
		} else {
			l.problem("", l.line(path), path, path+" is "+given(profiles[name])+"; write tables like ["+path+".limits]")
		}
	}
	if _, ok := profiles[l.c.Profile]; l.c.Profile != "" && !ok {
		names := slices.Sorted(maps.Keys(profiles))
		l.problem("", 0, "profile", fmt.Sprintf("there is no profile %q%s", l.c.Profile, hint(text.Nearest(l.c.Profile, names))))
	}
}

func hint(near string) string {
	if near == "" {
		return ""
	}
	return "; maybe you mean " + near
}

// line is where a key is, or the table that it is in.
func (l *loader) line(key string) int {
	for {
		if n, ok := l.lines[key]; ok {
			return n
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
}

// sections takes over the tables of the file, or with a prefix of a profile, into c.
func (l *loader) sections(prefix string, values map[string]any, c *Config) {
	for _, section := range slices.Sorted(maps.Keys(values)) {
		known := slices.ContainsFunc(sections, func(s struct{ name, says string }) bool { return s.name == section })
		table, ok := values[section].(map[string]any)
		switch {
		case !known:
			l.unknownSection(prefix, section, values[section])
			continue
		case !ok:
			l.problem("", l.line(prefix+section), section, fmt.Sprintf("%s is %s; write a table [%s]", section, given(values[section]), prefix+section))
			continue
		}
		for _, short := range slices.Sorted(maps.Keys(table)) {
			name := section + "." + short
			line := l.line(prefix + name)
			k := Find(name)
			if k == nil {
				l.problem("", line, name, fmt.Sprintf("unknown key %s%s", name, hint(nearestKey(section, short))))
				continue
			}
			err := k.set(c, table[short], l.place)
			if entries, ok := errors.AsType[entryErrors](err); ok {
				for _, e := range entries {
					l.problem("", l.line(prefix+name+"."+e.Action), name, name+"."+e.Error())
				}
				continue
			}
			if err != nil {
				l.problem("", line, name, err.Error())
				continue
			}
			c.origins[name] = l.at(line)
		}
	}
}

func (l *loader) unknownSection(prefix, name string, v any) {
	if _, ok := v.(map[string]any); !ok {
		l.problem("", l.line(prefix+name), name, fmt.Sprintf("unknown key %s%s", name, hint(nearestKey("", name))))
		return
	}
	names := []string{"profile"}
	for _, s := range sections {
		names = append(names, s.name)
	}
	l.problem("", l.line(prefix+name), name, fmt.Sprintf("unknown section [%s]%s", name, hint(text.Nearest(name, names))))
}

// environment takes over the variables.
func (l *loader) environment() {
	p := place{home: l.place.home}
	p.dir, _ = os.Getwd() // if it is gone, so is what is relative to it
	for i := range Keys {
		k := &Keys[i]
		name := k.Variable()
		s, ok := l.env(name)
		if !ok || s == "" {
			continue
		}
		v := k.fromText(s)
		if k.Negated {
			v = opposite(v)
		}
		if err := k.put(l.c, v, p); err != nil {
			l.problem("environment variable "+name, 0, k.Name, fmt.Sprintf("%s cannot be%s; write %s", given(k.fromText(s)), why(err), k.Allowed()))
			continue
		}
		l.c.origins[k.Name] = "environment " + name
	}
}

func opposite(v any) any {
	if b, ok := v.(bool); ok {
		return !b
	}
	return v
}

// together looks at keys that have to fit each other.
func (l *loader) together() {
	c := l.c
	complain := func(key, message string) { l.problem(c.origins[key], l.line(key), key, message) }
	if (c.RPC.TLSCert == "") != (c.RPC.TLSKey == "") {
		key := "rpc.tls_cert"
		if c.RPC.TLSCert == "" {
			key = "rpc.tls_key"
		}
		complain(key, "rpc.tls_cert and rpc.tls_key go together only")
	}
	if c.Blocklist.URL != "" && c.Blocklist.File != "" {
		complain("blocklist.file", "blocklist.url and blocklist.file exclude each other")
	}
	for _, dir := range c.Watch.Dirs {
		if dir == c.Download.Dir {
			l.warn(l.line("watch.dirs"), "watch.dirs", "%s is download.dir too: torrents that contain .torrent files add those", dir)
		}
	}
	if len(c.Limits.AltSchedule) > 0 && c.Limits.AltDown == 0 && c.Limits.AltUp == 0 {
		l.warn(l.line("limits.alt_schedule"), "limits.alt_schedule", "limits.alt_schedule has no effect without limits.alt_down or limits.alt_up")
	}
	if f := c.RPC.PasswordFile; f != "" {
		if st, err := os.Stat(f); err == nil && exposed(st.Mode()) {
			l.warn(l.line("rpc.password_file"), "rpc.password_file", "others may read the password: chmod 600 %s", f)
		}
	}
}
