package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"shoal/internal/bencode"
)

// announceKeys are the values of announce and announce-list (BEP 12) for these tiers; nil for
// a key that is not needed.
func announceKeys(tiers [][]string) (announce, list any) {
	switch {
	case len(tiers) == 0:
		return nil, nil
	case len(tiers) == 1 && len(tiers[0]) == 1:
		return tiers[0][0], nil
	}
	return tiers[0][0], tiers
}

// withKeys returns a dictionary, which was checked, with other values of some of its keys, sorted; nil
// takes a key out. All others keep their bytes.
func withKeys(dict []byte, values map[string]any) ([]byte, error) {
	raw := map[string][]byte{}
	for key, val := range bencode.Dict(dict) {
		raw[key] = val
	}
	for key, val := range values {
		delete(raw, key)
		if val == nil {
			continue
		}
		b, err := bencode.Marshal(val)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", key, err)
		}
		raw[key] = b
	}
	var out bytes.Buffer
	out.WriteByte('d')
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		fmt.Fprintf(&out, "%d:%s", len(key), key)
		out.Write(raw[key])
	}
	out.WriteByte('e')
	return out.Bytes(), nil
}
