package figures

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Load reads a file of results. That there is none is an error, fs.ErrNotExist.
func Load(name string) ([]Row, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rows []Row
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// Put writes a row into a file of results, in the place of the one of the same name, and makes the file where there is none. Rows are in
// the order of names; others are dropped. The file is complete at every moment.
func Put(name string, row Row, names []string) error {
	rows, err := Load(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var kept []Row
	for _, want := range names {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == want })
		if want == row.Name {
			kept = append(kept, row)
		} else if i >= 0 {
			kept = append(kept, rows[i])
		}
	}
	b, err := encode(kept)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b, 0o666); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// encode writes rows so that a difference between two versions is readable: every line of a table is one line.
func encode(rows []Row) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("[")
	for i, row := range rows {
		if err := encodeRow(&out, i, row); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n]\n")
	return out.Bytes(), nil
}

func encodeRow(out *bytes.Buffer, i int, row Row) error {
	lines := row.Lines
	row.Lines = nil
	head, err := json.Marshal(row)
	if err != nil {
		return err
	}
	comma(out, i)
	out.WriteString("\n")
	out.Write(bytes.TrimSuffix(head, []byte(`"lines":null}`)))
	out.WriteString(`"lines":[`)
	for i, line := range lines {
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		comma(out, i)
		out.WriteString("\n ")
		out.Write(b)
	}
	out.WriteString("]}")
	return nil
}

func comma(out *bytes.Buffer, i int) {
	if i > 0 {
		out.WriteString(",")
	}
}
