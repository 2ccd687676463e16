package registry_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// HTTP-26: tags and repositories are listed in the order of their bytes, also in a database that was made for a language, as most are.
func TestOrderOfNames(t *testing.T) {
	dsn := sqltest.Postgres(t)
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	_, rest, _ := strings.Cut(dsn, "@")
	_, rest, _ = strings.Cut(rest, "/")
	name, _, _ := strings.Cut(rest, "?")
	english := name + "_english"
	if _, err := admin.Exec("CREATE DATABASE " + english + " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin, err := sql.Open("pgx", dsn)
		if err == nil {
			defer admin.Close()
			_, err = admin.Exec("DROP DATABASE " + english + " WITH (FORCE)")
		}
		if err != nil {
			t.Log(err)
		}
	})
	w := newWorld(t, strings.Replace(dsn, "/"+name+"?", "/"+english+"?", 1), t.TempDir(), registry.Options{})
	names := []string{"ab", "a-c", "a.b", "a_d", "b1", "a/b", "aa", "a1"}
	tags := []string{"B", "a", "_x", "A", "a-b", "ab", "a.b", "b", "1", "Ab"}
	for _, name := range names {
		w.repo(name)
	}
	r := w.again("ab")
	body := w.manifest(r)
	for _, tag := range tags {
		w.image(r, tag, body)
	}
	slices.Sort(names)
	slices.Sort(tags)
	var got []string
	for _, r := range all(w, 3, func(after string, limit int) ([]*registry.Repository, string, error) {
		return w.Repositories(w.root(vendor), vendor, region, after, limit)
	}) {
		got = append(got, r.Name)
	}
	if !slices.Equal(got, names) {
		t.Errorf("repositories %v, want %v", got, names)
	}
	if got, _, err = r.TagNames(t.Context(), "", 100); err != nil || !slices.Equal(got, tags) {
		t.Errorf("tags %v %v, want %v", got, err, tags)
	}
	w.open(t.TempDir(), registry.Options{}) // opened again, as another node does
}
