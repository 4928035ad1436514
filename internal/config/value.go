package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/session/hours"
	"shoal/status"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// maxList is the number of values that a list may have.
const maxList = 1000

// place is what paths are relative to.
type place struct {
	home string // "" if nobody knows
	dir  string // of the file, or the current one
}

// set gives a key a value as TOML has it. The error says what was given and what is allowed, or is entryErrors.
func (k *Key) set(c *Config, v any, p place) error {
	err := k.put(c, v, p)
	if entries, ok := errors.AsType[entryErrors](err); ok {
		return entries
	}
	if err != nil {
		return fmt.Errorf("%s is %s%s; write %s", k.Name, given(v), why(err), k.Allowed())
	}
	return nil
}

// why is what an error of put has to say beside that the value does not fit.
func why(err error) string {
	if entries, ok := errors.AsType[entryErrors](err); ok {
		return ": " + entries.Error()
	}
	if reason, ok := errors.AsType[*reasonError](err); ok {
		return ": " + reason.words
	}
	return ""
}

// reasonError says more than that a value is not allowed.
type reasonError struct{ words string }

func (r *reasonError) Error() string { return r.words }

// entryErrors is what is wrong with single lines of a table.
type entryErrors []keys.Mistake

func (e entryErrors) Error() string { return keys.Mistakes(e).Error() }

// errKind is a value of a kind that the key does not take.
var errKind = errors.New("of another kind")

func (k *Key) put(c *Config, v any, p place) error {
	switch at := k.at(c).(type) {
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return errKind
		}
		*at = b
	case *int:
		n, ok := v.(int64)
		if !ok || n < k.Min || n > k.Max {
			return errKind
		}
		*at = int(n)
	case *float64:
		f, err := k.float(v)
		if err != nil {
			return err
		}
		*at = f
	case *int64:
		n, err := k.scalar(v, text.ParseRate)
		if err != nil {
			return err
		}
		*at = n
	case *time.Duration:
		n, err := k.scalar(v, ParseDuration)
		if err != nil {
			return err
		}
		*at = time.Duration(n)
	case *string:
		s, ok := v.(string)
		if !ok {
			return errKind
		}
		s, err := k.check(s, p)
		if err != nil {
			return err
		}
		*at = s
	case *[]string:
		return k.putList(at, v, p)
	case *[]status.Window:
		return putWindows(at, v)
	case *map[string][]string:
		return putKeys(at, v)
	case *[]View:
		return putViews(at, v)
	}
	return nil
}

func (k *Key) float(v any) (float64, error) {
	f, ok := v.(float64)
	if n, whole := v.(int64); whole {
		f, ok = float64(n), true
	}
	if !ok || math.IsNaN(f) || f < float64(k.Min) || f > float64(k.Max) {
		return 0, errKind
	}
	return f, nil
}

// scalar reads a number with a unit. A bare number is bytes a second; of times only 0 goes without a unit.
func (k *Key) scalar(v any, parse func(string) (int64, error)) (int64, error) {
	n, ok := v.(int64)
	if s, isText := v.(string); isText {
		var err error
		if n, err = parse(s); err != nil {
			return 0, errKind
		}
	} else if !ok || k.Kind == Duration && n != 0 {
		return 0, errKind
	}
	if n < k.Min || n > k.Max {
		return 0, errKind
	}
	return n, nil
}

// ParseDuration reads a time as Go writes it, with days beside, like "7d", in nanoseconds.
func ParseDuration(s string) (int64, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return int64(n) * 24 * int64(time.Hour), err
	}
	d, err := time.ParseDuration(s)
	return int64(d), err
}

func (k *Key) putList(at *[]string, v any, p place) error {
	list, ok := v.([]any)
	if !ok {
		return errKind
	}
	if len(list) > maxList {
		return &reasonError{fmt.Sprintf("%d values are too many, %d are allowed", len(list), maxList)}
	}
	out := make([]string, 0, len(list))
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return errKind
		}
		s, err := k.check(s, p)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	if k.Kind == Command && len(out) > 0 && out[0] == "" {
		return &reasonError{"no program is named"}
	}
	*at = out
	return nil
}

// putKeys takes a table of actions over, each with a key or a list of keys.
func putKeys(at *map[string][]string, v any) error {
	table, ok := v.(map[string]any)
	if !ok || len(table) > maxList {
		return errKind
	}
	out := make(map[string][]string, len(table))
	var wrong entryErrors
	for _, action := range slices.Sorted(maps.Keys(table)) {
		own, ok := keysOf(table[action])
		if !ok {
			wrong = append(wrong, keys.Mistake{Action: action, Says: given(table[action]) + ` is no key; write one in quotes, or a list like ["x", "ctrl-p"]`})
			continue
		}
		out[action] = own
	}
	if _, err := keys.Bind(out); err != nil {
		mistakes, _ := errors.AsType[keys.Mistakes](err)
		wrong = append(wrong, mistakes...)
	}
	if len(wrong) > 0 {
		return wrong
	}
	*at = out
	return nil
}

// keysOf are the keys of an action: one, or a list.
func keysOf(v any) (own []string, ok bool) {
	if one, single := v.(string); single {
		return []string{one}, true
	}
	list, ok := v.([]any)
	for _, k := range list {
		key, isText := k.(string)
		own, ok = append(own, key), ok && isText
	}
	return append([]string{}, own...), ok
}

// putViews takes a table of views over, each a filter or a table with a filter and an order.
func putViews(at *[]View, v any) error {
	table, ok := v.(map[string]any)
	if !ok || len(table) > maxList {
		return errKind
	}
	out := make([]View, 0, len(table))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		view := View{Name: text.Clean(name, 40)}
		parts, ok := table[name].(map[string]any)
		if line, single := table[name].(string); single {
			parts, ok = map[string]any{"filter": line}, true
		}
		if !ok {
			return &reasonError{view.Name + " is " + given(table[name])}
		}
		for _, key := range slices.Sorted(maps.Keys(parts)) {
			s, ok := parts[key].(string)
			switch {
			case key != "filter" && key != "sort":
				return &reasonError{view.Name + ": there is no " + text.Clean(key, 40) + hint(text.Nearest(key, []string{"filter", "sort"}))}
			case !ok:
				return &reasonError{view.Name + "." + key + " is " + given(parts[key])}
			case key == "filter":
				view.Filter = s
			default:
				view.Sort = s
			}
		}
		out = append(out, view)
	}
	*at = out
	return nil
}

func putWindows(at *[]status.Window, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) > maxList {
		return errKind
	}
	out := make([]status.Window, 0, len(list))
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return errKind
		}
		w, err := hours.Parse(s)
		if err != nil {
			return &reasonError{err.Error()}
		}
		out = append(out, w)
	}
	*at = out
	return nil
}

// check looks at one string and returns it as it is to be used.
func (k *Key) check(s string, p place) (string, error) {
	if strings.ContainsRune(s, 0) || len(s) > 4096 {
		return "", &reasonError{"too long, or with a zero in it"}
	}
	switch k.Kind {
	case Choice:
		for _, c := range k.Choices {
			if s == c {
				return s, nil
			}
		}
		return "", errKind
	case Path, Paths:
		return p.resolve(k, s)
	case Theme:
		if slices.Contains(theme.Names(), s) {
			return s, nil
		}
		if !IsThemeFile(s) {
			return "", &reasonError{"there is no such theme" + hint(text.Nearest(s, theme.Names()))}
		}
		return p.resolve(k, s)
	case Address, Addresses:
		host, port, err := net.SplitHostPort(s)
		_, portErr := strconv.ParseUint(port, 10, 16)
		if s == "" && k.Optional {
			return s, nil
		}
		if err != nil || portErr != nil || k.Kind == Addresses && (host == "" || port == "0") {
			return "", errKind
		}
	case URLs:
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "udp" {
			return "", &reasonError{text.Mask(fmt.Sprintf("%.100q is no URL of a tracker", s))}
		}
	}
	return s, nil
}

// IsThemeFile reports whether the value of tui.theme is a path: no name of a theme has such characters.
func IsThemeFile(s string) bool { return strings.ContainsAny(s, `./~\`) }

// resolve makes a path absolute. "~" is the home folder.
func (p place) resolve(k *Key, s string) (string, error) {
	switch {
	case s == "" && k.Kind == Path, k.Default == "auto" && s == "auto":
		return s, nil
	case s == "":
		return "", &reasonError{"a path is empty"}
	case s == "~" || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, `~\`):
		if p.home == "" {
			return "", &reasonError{"the home folder is not known: set HOME, or write the whole path"}
		}
		return filepath.Join(p.home, s[1:]), nil
	case s[0] == '~':
		return "", &reasonError{"~ means your own home folder only"}
	case filepath.IsAbs(s):
		return filepath.Clean(s), nil
	}
	return filepath.Join(p.dir, s), nil
}

// given shows a value as it was written, without secrets and not at length.
func given(v any) string {
	return text.Clean(text.Mask(printValue(v)), 100)
}

// fromText reads a value that stands in the environment or on the command line. A list is written as in TOML, or with commas
// between its values; the words of a command with blanks.
func (k *Key) fromText(s string) any {
	switch k.Kind {
	case Bool:
		if b, err := strconv.ParseBool(s); err == nil {
			return b
		}
	case Int, Float:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && k.Kind == Float {
			return f
		}
	case Duration:
		if s == "0" {
			return int64(0)
		}
	case Texts, Paths, URLs, Addresses, Command, Windows:
		return k.listFromText(s)
	case KeyMap, Views:
		if values, _, bad := parse([]byte("x = " + s)); bad == nil && len(values) == 1 {
			return values["x"]
		}
	}
	return s
}

func (k *Key) listFromText(s string) any {
	if strings.HasPrefix(s, "[") {
		if values, _, bad := parse([]byte("x = " + s)); bad == nil && len(values) == 1 {
			return values["x"]
		}
		return s
	}
	words := strings.Split(s, ",")
	if k.Kind == Command {
		words = strings.Fields(s)
	}
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = strings.TrimSpace(w)
	}
	return list
}
