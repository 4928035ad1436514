package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/session/hours"
	"shoal/status"
)

// print returns the value that a key has in c, in TOML.
func (k *Key) print(c *Config) string {
	switch at := k.at(c).(type) {
	case *bool:
		return strconv.FormatBool(*at)
	case *int:
		return strconv.Itoa(*at)
	case *int64:
		return k.number(*at)
	case *float64:
		return strconv.FormatFloat(*at, 'f', -1, 64)
	case *time.Duration:
		return k.number(int64(*at))
	case *string:
		return quote(*at)
	case *[]string:
		words := make([]string, len(*at))
		for i, s := range *at {
			words[i] = quote(s)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case *map[string][]string:
		words := make([]string, 0, len(*at))
		for _, action := range slices.Sorted(maps.Keys(*at)) {
			own := make([]string, len((*at)[action]))
			for i, key := range (*at)[action] {
				own[i] = quote(key)
			}
			words = append(words, action+" = ["+strings.Join(own, ", ")+"]")
		}
		return "{" + strings.Join(words, ", ") + "}"
	case *[]View:
		words := make([]string, len(*at))
		for i, v := range *at {
			words[i] = fmt.Sprintf("%s = {filter = %s, sort = %s}", quote(v.Name), quote(v.Filter), quote(v.Sort))
		}
		return "{" + strings.Join(words, ", ") + "}"
	case *[]status.Window:
		words := make([]string, len(*at))
		for i, w := range *at {
			words[i] = quote(hours.Format(w))
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return ""
}

// number prints a number of the key's kind, in TOML.
func (k *Key) number(n int64) string {
	switch {
	case k.Kind == Rate && n > 0:
		for _, u := range []struct {
			unit string
			size int64
		}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"kB", 1e3}, {"KiB", 1 << 10}} {
			if n%u.size == 0 {
				return fmt.Sprintf("%q", strconv.FormatInt(n/u.size, 10)+u.unit)
			}
		}
	case k.Kind == Duration && n > 0:
		d := time.Duration(n)
		if day := 24 * time.Hour; d%day == 0 && d > day {
			return fmt.Sprintf(`"%dd"`, d/day)
		}
		s := d.String()
		if strings.HasSuffix(s, "m0s") {
			s = s[:len(s)-2]
		}
		if strings.HasSuffix(s, "h0m") {
			s = s[:len(s)-2]
		}
		return `"` + s + `"`
	}
	return strconv.FormatInt(n, 10)
}

// printValue prints what TOML decodes into, in TOML; tables only as such.
func printValue(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case []any:
		words := make([]string, 0, min(len(v), 10))
		for i, x := range v {
			if i == 10 {
				words = append(words, "…")
				break
			}
			words = append(words, printValue(x))
		}
		return "[" + strings.Join(words, ", ") + "]"
	case map[string]any, []map[string]any:
		return "a table"
	}
	return fmt.Sprint(v)
}

// quote writes a TOML string.
func quote(s string) string {
	if !strings.ContainsAny(s, `"\`) && text.Clean(s, 0) == s {
		return `"` + s + `"`
	}
	if !strings.Contains(s, "'") && text.Clean(s, 0) == s {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case text.Clean(string(r), 0) == string(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	return b.String() + `"`
}
