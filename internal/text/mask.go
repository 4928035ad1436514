package text

import (
	"net/url"
	"regexp"
	"strings"
)

// Masked stands for every secret that may not be shown.
const Masked = "***"

var (
	// A URL ends at blanks, quotes, brackets that no URL has, and control characters.
	anyURL = regexp.MustCompile("(?i)\\b(?:[a-z][a-z0-9+.-]{0,15}://|magnet:\\?)[^\\s\"'`<>{}\\[\\]\\x00-\\x20]+")
	// The value of a header that proves who one is goes to the end of the line, or of the brackets that a printed http.Header has.
	authHeader = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie2?|x-transmission-session-id)(["']?\s*[:=]\s*)(\[[^\]\n]*\]|"[^"\n]*"|[^\n]+)`)
	// The same schemes where the header's name is missing.
	authScheme = regexp.MustCompile(`(?i)\b(basic|bearer|digest)(\s+)([a-z0-9+/._~-]{8,}=*)`)
	// name=value and "name": "value" outside of URLs.
	namedSecret = regexp.MustCompile(`(?i)\b((?:[a-z0-9]+[_-])?(?:` + secretNames + `))(["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;&"'(){}\[\]]+)`)
	secretName  = regexp.MustCompile(`(?i)^(?:.*[_.-])?(?:` + secretNames + `|authorization|cookies?)$`)
)

const secretNames = `pass(?:word|wd|phrase|key)|secret|token|(?:auth|api|rss|private)[_-]?key|torrent[_-]?pass`

// Mask returns s with what proves who one is replaced by "***": in URLs the user, the values of the query and what looks like a
// key in the path, inside of magnet links too; the values of authorization and cookie headers; and what stands after names such as
// password, passkey and token. When in doubt it hides. Mask(Mask(s)) equals Mask(s). The work is linear in s.
func Mask(s string) string {
	if !strings.ContainsAny(s, ":=") && !authScheme.MatchString(s) {
		return s // none of the patterns can match
	}
	for range 4 {
		t := maskOnce(s)
		if t == s {
			return s
		}
		s = t
	}
	if maskOnce(s) == s {
		return s
	}
	return Masked // something made to grow anew each time: nothing that anybody needs to read
}

// Secret reports whether a setting, header or attribute of that name is to be masked whatever it holds.
func Secret(name string) bool { return secretName.MatchString(name) }

func maskOnce(s string) string {
	s = anyURL.ReplaceAllStringFunc(s, func(u string) string {
		// A full stop, comma or bracket after a URL belongs to the sentence.
		end := len(strings.TrimRight(u, ".,;:!?)"))
		if strings.HasPrefix(strings.ToLower(u), "magnet:?") {
			end = max(end, len("magnet:?"))
			return maskMagnet(u[:end]) + u[end:]
		}
		return maskURL(u[:end]) + u[end:]
	})
	s = authHeader.ReplaceAllStringFunc(s, func(h string) string {
		m := authHeader.FindStringSubmatch(h)
		if strings.HasPrefix(m[3], Masked) {
			return h // what follows was kept when this was masked
		}
		return m[1] + m[2] + Masked
	})
	s = authScheme.ReplaceAllString(s, "${1}${2}"+Masked)
	return namedSecret.ReplaceAllString(s, "${1}${2}"+Masked)
}

// maskURL masks one URL with an authority, as text: it need not be well-formed.
func maskURL(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = Masked + host[i:]
	} else if _, port, ok := strings.Cut(host, ":"); ok && strings.Trim(port, "0123456789") != "" && strings.Contains(raw, "@") {
		return scheme + "://" + Masked // no port: a password with a #, ? or / in it that should have been escaped
	}
	out := scheme + "://" + host
	if hasPath {
		out += "/" + maskPath(path)
	}
	if hasQuery {
		out += "?" + maskQuery(query, func(string, string) string { return Masked })
	}
	if hasFragment && fragment != "" {
		out += "#" + Masked
	}
	return out
}

// maskPath hides the elements that look like keys. Of a tracker's path everything that is not a plain short word is hidden.
func maskPath(path string) string {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	tracker := strings.HasPrefix(last, "announce") || strings.HasPrefix(last, "scrape")
	for i, p := range parts {
		if p != "" && p != Masked && (tracker && !PlainWord(p) || keyLike(p)) {
			parts[i] = Masked
		}
	}
	return strings.Join(parts, "/")
}

// maskQuery gives every value of a query what hide makes of it; what has no name is a value itself.
func maskQuery(query string, hide func(name, value string) string) string {
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		name, value, named := strings.Cut(p, "=")
		switch {
		case p == "":
		case !named:
			pairs[i] = hide("", p)
		case value != "":
			pairs[i] = name + "=" + hide(name, value)
		}
	}
	return strings.Join(pairs, "&")
}

// maskMagnet masks the URLs in a magnet link; its hashes, names and peers are no secrets.
func maskMagnet(raw string) string {
	return raw[:len("magnet:?")] + maskQuery(raw[len("magnet:?"):], func(name, value string) string {
		name, _, _ = strings.Cut(strings.ToLower(name), ".") // tr.1
		switch name {
		case "xt", "dn", "xl", "so", "x", "kt":
			return value
		}
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return Masked
		}
		if !strings.Contains(plain, "://") {
			return value
		}
		masked := maskOnce(plain)
		if masked == plain {
			return value
		}
		return strings.ReplaceAll(url.QueryEscape(masked), "%2A", "*")
	})
}

// maxShownTracker is how much of a tracker URL is shown, in cells.
const maxShownTracker = 200

// MaskTracker returns a tracker URL that may be shown and logged: user, query and every part of the path that could be a passkey are
// replaced by "***".
func MaskTracker(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "(unreadable tracker address)"
	}
	parts := strings.Split(u.EscapedPath(), "/")
	for i, p := range parts {
		if !PlainWord(p) {
			parts[i] = "***"
		}
	}
	s := u.Scheme + "://" + u.Host + strings.Join(parts, "/")
	if u.RawQuery != "" {
		s += "?***"
	}
	return Clean(s, maxShownTracker)
}

// PlainWord reports whether an element of a tracker's path is a short plain word, such as "announce" or "announce.php", and no key.
func PlainWord(p string) bool {
	return len(p) <= len("announce.php") && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz.-_") == ""
}

// keyLike reports whether a path element looks made by chance: long, of letters and digits, and of nothing that names have.
func keyLike(p string) bool {
	stem := strings.TrimSuffix(p, ".torrent")
	letters, digits := 0, 0
	for _, r := range stem {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == '-', r == '=', r == '%':
			letters++
		default:
			return false
		}
	}
	return digits > 0 && letters+digits >= 12 || letters+digits >= 24
}
