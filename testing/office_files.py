"""Writers of small PDF and Word files, as other programs make them."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from pypdf import PdfReader, PdfWriter

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = f"""<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/></Types>"""
_RELATIONS = f"""<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>
</Relationships>"""


def pdf(*pages: str, password: str | None = None, operators: bytes = b"") -> bytes:
    """Return a PDF with a line of ASCII text on each page.

    Args:
        password: without it nobody can read the file.
        operators: what the first page draws besides.
    """
    streams = [f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET".encode() if page else b"" for page in pages]
    streams[0] += operators
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, stream in enumerate(streams):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    data = _with_references(objects)
    return _encrypted(data, password) if password else data


def _with_references(objects: Sequence[bytes]) -> bytes:
    """Return the file of some objects, the first of which is its root."""
    data, offsets = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, each in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R >>" % (len(objects) + 1)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return bytes(data + head + table + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % len(data))


def _encrypted(data: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def docx(
    title: str, *paragraphs: str, table: Sequence[Sequence[str]] = (), body: str = ""
) -> bytes:
    """Return a Word document with a heading, paragraphs, and perhaps a table.

    Args:
        body: XML that its body has besides.
    """
    heading = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>'
    rows = "".join(
        f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>"
        for row in table
    )
    content = _paragraph(title, heading) + "".join(map(_paragraph, paragraphs)) + body
    content += f"<w:tbl>{rows}</w:tbl>" if rows else ""
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{content}</w:body></w:document>'
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("word/document.xml", document)
        archive.writestr(
            "word/styles.xml",
            f'<w:styles xmlns:w="{_WORD}"><w:style w:type="paragraph" w:styleId="Heading1">'
            '<w:name w:val="heading 1"/></w:style></w:styles>',
        )
    return written.getvalue()


def _paragraph(text: str, properties: str = "") -> str:
    return f"<w:p>{properties}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"
