package config

import (
	"fmt"
	"strings"

	"shoal/internal/text"
)

// nearestKey returns the full name of the key that an unknown one is most likely to mean: in its own section, else one of the same
// name elsewhere, else whatever is near.
func nearestKey(section, short string) string {
	var here, all []string
	for i := range Keys {
		k := &Keys[i]
		all = append(all, k.Name)
		if k.Section() == section {
			here = append(here, k.Short())
		}
		if k.Short() == short {
			return k.Name
		}
	}
	if near := text.Nearest(short, here); near != "" {
		return section + "." + near
	}
	return text.Nearest(section+"."+short, all)
}

// Unknown is the error for the name of a key or section that there is not.
func Unknown(name string) error {
	section, short, dotted := strings.Cut(name, ".")
	near := nearestKey(section, short)
	if !dotted {
		var names []string
		for _, s := range sections {
			names = append(names, s.name)
		}
		if near = text.Nearest(name, names); near == "" {
			near = nearestKey("", name)
		}
	}
	return fmt.Errorf("unknown key %s%s", text.Clean(name, 60), hint(near))
}
