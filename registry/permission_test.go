package registry_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// limited makes a user whose identity policy is the statements given, and answers a function that makes the context of its next request.
func (w *world) limited(name string, statements ...string) func() context.Context {
	w.Helper()
	key := w.user(vendor, name)
	w.ok(w.dir.PutInlinePolicy(w.root(vendor), iam.Ref{Kind: iam.KindUser, Name: name}, "p", `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
	return func() context.Context { return w.call(key) }
}

func statement(effect, action, condition string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":"*","Condition":{%s}}`, effect, action, condition)
}

const everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`

// pull reads a manifest as a request of its own, and says what came of it: "" or the fault's code.
func (w *world) pull(ctx context.Context, name string, ref registry.Reference) fault.Code {
	w.Helper()
	r, err := w.OpenImages(ctx, registry.Ref{Account: vendor, Region: region, Name: name}, "ecr:BatchGetImage", ref)
	if err == nil {
		_, err = r.Manifest(ctx, ref)
	}
	return w.code(err)
}

func (w *world) code(err error) fault.Code {
	w.Helper()
	f := fault.As(err)
	if err != nil && f == nil {
		w.Fatal(err)
	}
	if f == nil {
		return ""
	}
	return f.Code
}

// A pull by digest is worth what one of the image's names is worth: a Deny of a tag is not slipped by, and who may have an image by name has it by digest,
// with the images that its index lists. ecr:ImageTag and ecr:ImageDigest are keys that AWS does not have.
func TestPullByNameOfImage(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		release, dev, both := w.pushed(r, "release-1"), w.pushed(r, "dev-1"), w.manifest(r)
		w.image(r, "dev-2", both)
		promoted := w.image(r, "release-2", both)
		loose := w.pushed(r, "")
		releaseChild, devChild, sharedChild := w.pushed(r, ""), w.pushed(r, ""), w.pushed(r, "")
		inner := w.image(r, "", w.index(r, releaseChild))
		w.image(r, "release-3", w.index(r, inner, sharedChild))
		w.image(r, "dev-3", w.index(r, devChild, sharedChild))
		w.image(r, "public-1", w.index(r, dev)) // an index that lists an image with a name of its own
		missing := oci.FromBytes([]byte("never pushed"))

		only := w.limited("only", statement("Allow", "ecr:BatchGetImage", `"StringLike":{"ecr:ImageTag":"release-*"}`))
		notDev := w.limited("notdev", everything, statement("Deny", "ecr:BatchGetImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`))
		butRelease := w.limited("butrelease", everything, statement("Deny", "ecr:*Image", `"StringNotLike":{"ecr:ImageTag":"release-*"}`))
		set := w.limited("set", statement("Allow", "ecr:BatchGetImage", `"ForAnyValue:StringEquals":{"ecr:ImageTag":["release-1","other"]}`))
		pinned := w.limited("pinned", statement("Allow", "ecr:BatchGetImage", `"StringEquals":{"ecr:ImageDigest":"`+string(release)+`"}`))
		outsider := w.limited("outsider", statement("Allow", "ecr:DescribeImages", `"StringLike":{"ecr:ImageTag":"*"}`))

		const no, absent = fault.AccessDenied, fault.ImageNotFound
		tag := func(t string) registry.Reference { return registry.Reference{Tag: t} }
		digest := func(d oci.Digest) registry.Reference { return registry.Reference{Digest: d} }
		for _, c := range []struct {
			what                                               string
			ref                                                registry.Reference
			only, notDev, butRelease, set, pinned, anotherUser fault.Code
		}{
			{"an allowed tag", tag("release-1"), "", "", "", "", "", no},
			{"its digest", digest(release), "", "", "", "", "", no},
			{"its tag and digest", registry.Reference{Tag: "release-1", Digest: release}, "", "", "", "", "", no},
			{"a denied tag", tag("dev-1"), no, no, no, no, no, no},
			{"its digest", digest(dev), no, no, no, no, no, no},
			{"an allowed tag of an image that has a denied one", tag("release-2"), "", "", "", no, no, no},
			{"the denied tag of it", tag("dev-2"), no, no, no, no, no, no},
			{"its digest", digest(promoted), "", "", "", no, no, no},
			{"an allowed tag and the digest of another image", registry.Reference{Tag: "release-1", Digest: dev}, absent, absent, absent, absent, no, no},
			{"an image without a name", digest(loose), no, "", no, no, no, no},
			{"a child of the child of an allowed index", digest(releaseChild), "", "", "", no, no, no},
			{"the child itself", digest(inner), "", "", "", no, no, no},
			{"a child of a denied index", digest(devChild), no, no, no, no, no, no},
			{"a child of both", digest(sharedChild), "", "", "", no, no, no},
			{"an allowed tag that is not there", tag("release-9"), absent, absent, absent, no, no, no},
			{"a denied tag that is not there", tag("dev-9"), no, no, no, no, no, no},
			{"a digest that is not there", digest(missing), no, absent, no, no, no, no},
		} {
			for user, u := range map[string]struct {
				ctx  func() context.Context
				want fault.Code
			}{"only": {only, c.only}, "notdev": {notDev, c.notDev}, "butrelease": {butRelease, c.butRelease}, "set": {set, c.set}, "pinned": {pinned, c.pinned}, "outsider": {outsider, c.anotherUser}} {
				if got := w.pull(u.ctx(), "app", c.ref); got != u.want {
					t.Errorf("%s pulls %s: %q, want %q", user, c.what, got, u.want)
				}
			}
		}
		for _, name := range []string{"app", "none"} { // who may nothing learns nothing, also not that a repository is there
			_, err := w.OpenImages(outsider(), ref(name), "ecr:BatchGetImage")
			w.refused(err, no, "")
		}

		// The list of what refers to an image is a pull of it.
		w.image(r, "", w.manifest(r, subject(dev)))
		ctx := notDev()
		handle, err := w.OpenImages(ctx, ref("app"), "ecr:BatchGetImage", digest(dev))
		w.ok(err)
		_, _, err = handle.Referrers(ctx, dev, nil, "", "", 10)
		w.refused(err, no, "explicit deny in an identity-based policy")
		handle, err = w.OpenImages(ctx, ref("app"), "ecr:BatchGetImage", digest(release))
		w.ok(err)
		_, _, err = handle.Referrers(ctx, release, nil, "", "", 10)
		w.ok(err)
	})
}

// A push is decided by the tag that it sets and by the digest that it has: by the tag alone before anything is read.
func TestPushByNameOfImage(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		body := w.manifest(r)
		digest := w.image(r, "dev-1", body)
		dev := w.limited("dev", statement("Allow", "ecr:PutImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`))
		children := w.limited("children", statement("Allow", "ecr:PutImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`), statement("Allow", "ecr:PutImage", `"Null":{"ecr:ImageTag":"true"}`))
		signed := w.limited("signed", statement("Allow", "ecr:PutImage", `"StringEquals":{"ecr:ImageDigest":"`+string(digest)+`"}`))
		put := func(user func() context.Context, p registry.PutImage) (opened bool, err error) {
			ctx := user()
			r, err := w.OpenImages(ctx, ref("app"), "ecr:PutImage", registry.Reference{Tag: p.Tag, Digest: p.Digest})
			if err != nil {
				return false, err
			}
			_, err = r.PutImage(ctx, p)
			return true, err
		}
		for _, c := range []struct {
			what   string
			user   func() context.Context
			put    registry.PutImage
			opened bool
			want   fault.Code
		}{
			{"an allowed tag", dev, registry.PutImage{Tag: "dev-2", Body: body}, true, ""},
			{"another tag for the same image", dev, registry.PutImage{Tag: "release-1", Body: body}, false, fault.AccessDenied},
			{"no tag", dev, registry.PutImage{Digest: digest, Body: body}, false, fault.AccessDenied},
			{"no tag where that is allowed", children, registry.PutImage{Digest: digest, Body: body}, true, ""},
			{"a wrong tag where none is allowed", children, registry.PutImage{Tag: "release-1", Body: body}, false, fault.AccessDenied},
			{"an allowed digest", signed, registry.PutImage{Tag: "release-2", Body: body}, true, ""},
			{"another digest", signed, registry.PutImage{Tag: "release-2", Body: w.manifest(r)}, true, fault.AccessDenied},
			{"another digest that the request names", signed, registry.PutImage{Tag: "release-2", Digest: oci.FromBytes(nil), Body: body}, false, fault.AccessDenied},
			{"the allowed digest on another body", signed, registry.PutImage{Digest: digest, Body: w.manifest(r)}, true, fault.ImageDigestDoesNotMatch},
		} {
			opened, err := put(c.user, c.put)
			if got := w.code(err); got != c.want || opened != c.opened {
				t.Errorf("%s: %q, opened %v; want %q, %v", c.what, got, opened, c.want, c.opened)
			}
		}
		if w.pull(w.root(vendor), "app", registry.Reference{Tag: "release-1"}) != fault.ImageNotFound {
			t.Error("a refused push has set its tag")
		}
	})
}

// A name that an index gives away must be the pusher's to give: whoever may push some tag must not get at other images by listing them under it, nor open
// them to those who are refused their names. What no tag leads to has no name to slip by, and is whoever's tags it.
func TestPushIndexOfOthersImages(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		secret, single, shared, moved := w.pushed(r, ""), w.pushed(r, "release-1"), w.pushed(r, ""), w.pushed(r, "")
		release := w.index(r, secret, shared)
		w.image(r, "release-3", release)
		loose := w.image(r, "", w.index(r, secret)) // nothing leads to it, but a tag does to what it lists
		w.image(r, "dev-1", w.index(r, shared))
		w.image(r, "release-4", w.index(r, moved))
		w.image(r, "release-4", w.index(r, w.pushed(r, ""))) // and so nothing leads to moved
		own := w.pushed(r, "")

		const read, push, devs = "ecr:BatchGetImage", "ecr:PutImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`
		users := map[string]func() context.Context{
			"dev":      w.limited("dev", statement("Allow", read, devs), statement("Allow", push, devs)),
			"writer":   w.limited("writer", statement("Allow", read, devs), `{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*"}`),
			"blind":    w.limited("blind", statement("Allow", push, devs)),
			"denied":   w.limited("denied", everything, statement("Deny", read, `"StringLike":{"ecr:ImageTag":"release-*"}`)),
			"promoter": w.limited("promoter", everything, statement("Deny", push, `"StringLike":{"ecr:ImageTag":"release-*"}`)),
			"unasked":  w.limited("unasked", `{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*"}`),
		}
		notRelease := w.limited("notrelease", everything, statement("Deny", "ecr:*Image", `"StringLike":{"ecr:ImageTag":"release-*"}`))
		put := func(user, tag string, body []byte) fault.Code {
			ctx := users[user]()
			r, err := w.OpenImages(ctx, ref("app"), push, registry.Reference{Tag: tag})
			if err == nil {
				_, err = r.PutImage(ctx, registry.PutImage{Body: body, Tag: tag})
			}
			if got := w.code(err); got != "" {
				w.refused(err, fault.AccessDenied, read)
				return got
			}
			return ""
		}
		const no = fault.AccessDenied
		for _, user := range []string{"dev", "writer", "blind", "denied"} {
			for what, body := range map[string][]byte{
				"a child of a refused index":                   w.index(r, secret),
				"such a child among others":                    w.index(r, own, secret),
				"an image with a refused tag":                  w.index(r, single), // whose tag may move on
				"an index without a name that lists the child": w.index(r, loose),
				"the refused index itself, put together again": release,
			} {
				if got := put(user, "dev-x", body); got != no {
					t.Errorf("%s names %s: %q", user, what, got)
				}
			}
		}
		// Without a tag an index gives no name, and cannot be given one later either.
		later := w.index(r, secret, own)
		if got := put("writer", "", later); got != "" {
			t.Errorf("an index without a tag: %q", got)
		}
		if got := put("writer", "dev-x", later); got != no {
			t.Errorf("the tag of it: %q", got)
		}
		for _, d := range []oci.Digest{secret, single} {
			if dev, other := w.pull(users["dev"](), "app", registry.Reference{Digest: d}), w.pull(notRelease(), "app", registry.Reference{Digest: d}); dev != no || other != no {
				t.Errorf("refused pushes have opened %s: %q, %q", d, dev, other)
			}
		}

		fresh := w.index(r, own)
		for _, c := range []struct {
			user, tag string
			body      []byte
			want      fault.Code
		}{
			{"blind", "dev-2", fresh, ""},                         // an image of its own, which has no name yet
			{"blind", "dev-2", fresh, ""},                         // again: nothing new is given
			{"blind", "dev-3", fresh, no},                         // another name for what it may not pull
			{"dev", "dev-3", fresh, ""},                           // but who may can
			{"dev", "dev-4", w.index(r, own, shared), ""},         // also of what has a refused name beside
			{"dev", "dev-5", w.index(r, moved), ""},               // what no tag leads to any more
			{"promoter", "dev-6", w.index(r, secret), ""},         // a reader of everything may publish it
			{"unasked", "release-5", w.index(r, own, single), ""}, // no policy asks: as on AWS, pushing is all that it takes
		} {
			if got := put(c.user, c.tag, c.body); got != c.want {
				t.Errorf("%s pushes %s: %q, want %q", c.user, c.tag, got, c.want)
			}
		}
	})
}

// What it takes to find the names of what an index lists is bounded: who may not pull whatever there is cannot name an index of more.
func TestPushIndexOfManyImages(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		var many []oci.Digest
		base := w.manifest(r)
		for n := range 1001 {
			many = append(many, w.image(r, "", append(base, strings.Repeat(" ", n)...)))
		}
		dev := w.limited("dev", statement("Allow", "ecr:PutImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`))
		put := func(body []byte) error {
			ctx := dev()
			r, err := w.OpenImages(ctx, ref("app"), "ecr:PutImage", registry.Reference{Tag: "dev-1"})
			w.ok(err)
			_, err = r.PutImage(ctx, registry.PutImage{Body: body, Tag: "dev-1"})
			return err
		}
		w.refused(put(w.index(r, many...)), fault.ManifestInvalid, "at most 1000")
		w.ok(put(w.index(r, many[:900]...)))

		// The one name of an image must not get out of sight behind indexes without one.
		secret := w.pushed(r, "")
		w.image(r, "release-1", w.index(r, secret))
		for n := range 1001 {
			w.image(r, "", append(w.index(r, secret), strings.Repeat(" ", n+1)...))
		}
		if err := put(w.index(r, secret)); !fault.Is(err, fault.AccessDenied) && !fault.Is(err, fault.ManifestInvalid) { // which, is the order of digests
			t.Errorf("an image in a thousand indexes: %v", err)
		}
	})
}

// Each tag that a deletion takes away must be allowed, by whatever way it goes: with its image, or with the image that it refers to.
func TestDeleteByNameOfImage(t *testing.T) {
	each(t, func(w *world) {
		r := w.repo("app")
		body := w.manifest(r)
		both := w.image(r, "dev-1", body)
		w.image(r, "release-1", body)
		dev := w.pushed(r, "dev-2")
		loose := w.pushed(r, "")
		w.image(r, "release-2", w.manifest(r, subject(dev)))
		signed := w.pushed(r, "dev-3")
		signature := w.image(r, "", w.manifest(r, subject(signed)))
		kept := w.limited("kept", everything, statement("Deny", "ecr:BatchDeleteImage", `"StringLike":{"ecr:ImageTag":"release-*"}`))
		cleaner := w.limited("cleaner", statement("Allow", "ecr:BatchDeleteImage", `"StringLike":{"ecr:ImageTag":"dev-*"}`))
		remove := func(user func() context.Context, ids ...registry.Reference) fault.Code {
			ctx := user()
			r, err := w.OpenImages(ctx, ref("app"), "ecr:BatchDeleteImage", ids...)
			if err == nil {
				_, _, err = r.DeleteImages(ctx, ids)
			}
			return w.code(err)
		}
		tag := func(t string) registry.Reference { return registry.Reference{Tag: t} }
		digest := func(d oci.Digest) registry.Reference { return registry.Reference{Digest: d} }
		const no = fault.AccessDenied
		for _, c := range []struct {
			what          string
			kept, cleaner fault.Code
			ids           []registry.Reference
		}{
			{"a tag", no, no, []registry.Reference{tag("release-1")}},
			{"its image, which has an allowed tag too", no, no, []registry.Reference{digest(both)}},
			{"an allowed tag, and one that is not", no, no, []registry.Reference{tag("dev-1"), tag("release-1")}},
			{"a tag that is not there", no, no, []registry.Reference{tag("release-9")}},
			{"an image to which a kept one refers", no, no, []registry.Reference{digest(dev)}},
			{"its last tag", no, no, []registry.Reference{tag("dev-2")}},
		} {
			if got := remove(kept, c.ids...); got != c.kept {
				t.Errorf("%s, all but some: %q", c.what, got)
			}
			if got := remove(cleaner, c.ids...); got != c.cleaner {
				t.Errorf("%s, some only: %q", c.what, got)
			}
		}
		for _, d := range []oci.Digest{both, dev} {
			w.there(r, d)
		}
		if got := remove(cleaner, digest(loose)); got != no {
			t.Errorf("an image without a name: %q", got)
		}
		if got := remove(cleaner, tag("dev-1"), tag("dev-3")); got != "" { // the signature, which has no name, goes with its image
			t.Errorf("allowed tags: %q", got)
		}
		w.there(r, both)
		w.gone(r, signature)
		if got := remove(kept, digest(loose)); got != "" {
			t.Errorf("an image without a name, where only names are denied: %q", got)
		}
	})
}

// A decision for which nobody asks for the image costs no more than before, and allocates nothing.
func TestOpenImagesAllocatesNothingMore(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), t.TempDir(), registry.Options{}) // one node: what it has read once it need not ask for again, however slow the machine
	w.repo("app")
	ctx := w.root(vendor)
	open := func(open func() error) float64 {
		least := math.Inf(1) // what goes on beside is counted too: of several measurements the least
		for range 5 {
			least = min(least, testing.AllocsPerRun(100, func() { w.ok(open()) }))
		}
		return least
	}
	plain := open(func() error {
		_, err := w.Open(ctx, ref("app"), "ecr:BatchGetImage")
		return err
	})
	image := open(func() error {
		_, err := w.OpenImages(ctx, ref("app"), "ecr:BatchGetImage", registry.Reference{Tag: "v1"})
		return err
	})
	if image > plain {
		t.Errorf("%v allocations, %v without images", image, plain)
	}
}
