package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// put gives a target a blob: pushed, or for a server of files stored.
func (t *target) put(p *pusher, repository string, b blob) error {
	if t.store != nil {
		return t.store(t.base+repository+"/blobs/"+b.digest, b.head, b.tail)
	}
	return p.monolithic(repository, b)
}

func (t *target) putManifest(p *pusher, repository, tag string, m blob) error {
	if t.store != nil {
		return t.store(t.base+repository+"/manifests/"+tag, m.tail)
	}
	return p.manifest(repository, tag, m)
}

// prepareImages pushes 50 images.
func prepareImages(_ context.Context, b *bench, t *target) error {
	p, err := dial(t)
	if err != nil {
		return err
	}
	defer p.close()
	for len(t.images) < 50 {
		i := b.corpus.image(5)
		for _, l := range append(i.layers, i.config) {
			if err := t.put(p, small, l); err != nil {
				return err
			}
		}
		if err := t.putManifest(p, small, i.tag, i.manifest); err != nil {
			return err
		}
		t.images = append(t.images, i)
	}
	return flush(b.dir)
}

// prepareSmalls pushes an image of 50 layers of 1 KiB: a registry may refuse to give out what no image names.
func prepareSmalls(_ context.Context, b *bench, t *target) error {
	if len(t.smalls) > 0 {
		return nil
	}
	p, err := dial(t)
	if err != nil {
		return err
	}
	defer p.close()
	for range 50 {
		t.smalls = append(t.smalls, b.corpus.blob(smallSize))
	}
	return t.hold(p, small, "smalls", t.smalls)
}

func prepareLarge(_ context.Context, b *bench, t *target) error {
	if t.large != nil {
		return nil
	}
	p, err := dial(t)
	if err != nil {
		return err
	}
	defer p.close()
	l := b.corpus.blob(largeSize)
	t.large = &l
	if err := t.hold(p, small, "large", []blob{l}); err != nil {
		return err
	}
	return flush(b.dir)
}

// hold puts layers and an image that names them.
func (t *target) hold(p *pusher, repository, tag string, layers []blob) error {
	config := text(fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Labels":{"of":%q}},"rootfs":{"type":"layers","diff_ids":[]}}`, tag))
	for _, l := range append([]blob{config}, layers...) {
		if err := t.put(p, repository, l); err != nil {
			return err
		}
	}
	return t.putManifest(p, repository, tag, manifest(config, layers, ""))
}

// prepareMany makes a repository of many tags: for berth so many images, as rows; for distribution the files that such tags are, with a thousand
// images behind them, since pushing them takes it an hour; for nginx so many files.
func prepareMany(ctx context.Context, b *bench, t *target) error {
	if t.tags > 0 {
		return nil
	}
	p, err := dial(t)
	if err != nil {
		return err
	}
	defer p.close()
	config := text([]byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`))
	layer := b.corpus.blob(smallSize)
	for _, l := range []blob{config, layer} {
		if err := t.put(p, many, l); err != nil {
			return err
		}
	}
	tag := func(n int) (string, blob) {
		return fmt.Sprintf("t%d", n), manifest(config, []blob{layer}, fmt.Sprint(n))
	}
	switch {
	case t.store != nil:
		for n := range b.many {
			name, m := tag(n)
			if err := t.store(t.base+many+"/manifests/"+name, m.tail); err != nil {
				return err
			}
		}
	case t.name == "distribution":
		err = distributionTags(p, filepath.Join(t.dir, "data"), b.many, tag)
	case t.root.Region != "": // berth
		if err = p.manifest(many, "first", manifest(config, []blob{layer}, "0")); err == nil {
			err = t.offline(ctx, func(db *sql.DB) error { return grow(ctx, db, growth{from: many, into: many, images: b.many}) })
		}
	default:
		err = fmt.Errorf("nobody wrote how to give it %d tags", b.many)
	}
	if err != nil {
		return err
	}
	t.tags = b.many
	return flush(b.dir)
}

// distributionTags pushes a thousand images and writes the links of all further tags to them.
func distributionTags(p *pusher, data string, n int, tag func(int) (string, blob)) error {
	digests := make([]string, min(n, 1000))
	for i := range digests {
		name, m := tag(i)
		if err := p.manifest(many, name, m); err != nil {
			return err
		}
		digests[i] = m.digest
	}
	tags := filepath.Join(data, "docker/registry/v2/repositories", many, "_manifests/tags")
	for i := len(digests); i < n; i++ {
		digest := digests[i%len(digests)]
		folder := filepath.Join(tags, fmt.Sprintf("t%d", i))
		for _, link := range []string{"current/link", "index/" + strings.Replace(digest, ":", "/", 1) + "/link"} {
			file := filepath.Join(folder, link)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(file, []byte(digest), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
