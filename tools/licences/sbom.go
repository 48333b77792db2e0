package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// complete copies a CycloneDX document and adds what its maker leaves out or gets
// wrong: the licences (as in THIRD_PARTY_LICENSES) and the time, which is that of the
// commit, so that the document can be made again byte for byte. For the same reason
// the hashes of the program that made it go. A component that is not linked is an
// error: then the document is not of this checkout.
func complete(in io.Reader, out io.Writer, modules []module, made time.Time) error {
	var doc cdx.BOM
	if err := cdx.NewBOMDecoder(in, cdx.BOMFileFormatJSON).Decode(&doc); err != nil {
		return fmt.Errorf("CycloneDX document: %w", err)
	}
	if doc.Metadata == nil || doc.Metadata.Component == nil || doc.Components == nil {
		return errors.New("CycloneDX document: it names no component")
	}
	doc.Metadata.Timestamp = made.UTC().Format(time.RFC3339)
	if tools := doc.Metadata.Tools; tools != nil && tools.Tools != nil {
		for i := range *tools.Tools {
			(*tools.Tools)[i].Hashes = nil
		}
	}

	licences := map[string]*cdx.Licenses{}
	for _, m := range modules {
		licences[m.path] = choice(m)
	}
	components := *doc.Components
	for i := range components {
		if components[i].Licenses = licences[components[i].Name]; components[i].Licenses == nil {
			return fmt.Errorf("CycloneDX document: %s is not linked into the binary of this checkout", components[i].Name)
		}
		delete(licences, components[i].Name)
	}
	self := doc.Metadata.Component
	if self.Licenses = licences[self.Name]; self.Licenses == nil {
		return fmt.Errorf("CycloneDX document: it is about %s, not about this checkout", self.Name)
	}
	delete(licences, self.Name)
	for path := range licences {
		return fmt.Errorf("CycloneDX document: %s is linked, and is not in it", path)
	}
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.Encode(&doc)
}

// choice says the licences of a module in the form that CycloneDX has for one, and
// for several at once.
func choice(m module) *cdx.Licenses {
	if len(m.licences) == 1 {
		return &cdx.Licenses{{License: &cdx.License{ID: m.licences[0]}}}
	}
	return &cdx.Licenses{{Expression: m.expression()}}
}
