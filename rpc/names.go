package rpc

import "strings"

// fold is what names are compared by: lower case, without "-" and "_", so that all spellings of one name are one.
func fold(name string) string {
	plain := true
	for i := 0; i < len(name) && plain; i++ {
		c := name[i]
		plain = c != '-' && c != '_' && (c < 'A' || c > 'Z')
	}
	if plain {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '-' || c == '_':
		case c >= 'A' && c <= 'Z':
			b = append(b, c+('a'-'A'))
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// camel is a canonical name as the old dialect mostly spells it: seed_ratio_mode is seedRatioMode. Names of our own are
// spelled alike in both.
func camel(name string) string {
	if strings.HasPrefix(name, "shoal_") {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == '_' && i+1 < len(name) {
			i++
			b = append(b, name[i]-('a'-'A'))
		} else {
			b = append(b, name[i])
		}
	}
	return string(b)
}

// kebab is a canonical name as the old dialect spells it in the settings.
func kebab(name string) string {
	if strings.HasPrefix(name, "shoal_") {
		return name
	}
	return strings.ReplaceAll(name, "_", "-")
}
