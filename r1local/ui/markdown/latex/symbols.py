r"""What commands of LaTeX stand for, as characters of Unicode.

Names, characters and classes of symbols are those of unicode-math's table
(https://github.com/latex3/unicode-math, `unicode-math-table.tex`), with amsmath's names beside
them: the ones that DeepSeek-R1 writes, not all 2,448. A few characters are others, which more
fonts have: `·` for `\cdot`, `≤` for `\leqslant`.
"""

import unicodedata

from r1local.ui.markdown.latex.pieces import AtomKind


def _pairs(words: str) -> dict[str, str]:
    names, characters = words.split()[::2], words.split()[1::2]
    return dict(zip(names, characters, strict=True))


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ORDINARY = _pairs(
    """
    alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι
    kappa κ lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ
    upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
    infty ∞ partial ∂ nabla ∇ emptyset ∅ varnothing ∅ ell ℓ hbar ℏ imath ı jmath ȷ Re ℜ Im ℑ
    aleph ℵ angle ∠ measuredangle ∡ triangle △ square □ Box □ blacksquare ■ diamond ⋄ bigstar ★
    forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ top ⊤ bot ⊥ ldots … dots … dotsc … cdots ⋯ dotsb ⋯
    vdots ⋮ ddots ⋱ prime ′ backslash \\ checkmark ✓ degree ° surd √ pounds £ euro € yen ¥
    copyright © S § P ¶ dagger † ddagger ‡ clubsuit ♣ diamondsuit ♢ heartsuit ♡ spadesuit ♠
    """
)
_BINARY = _pairs(
    """
    times × div ÷ cdot · pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet • cup ∪ cap ∩ setminus ∖
    smallsetminus ∖ land ∧ wedge ∧ lor ∨ vee ∨ oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ odot ⊙
    sqcup ⊔ sqcap ⊓ uplus ⊎
    """
)
_RELATIONS = _pairs(
    """
    le ≤ leq ≤ leqslant ≤ ge ≥ geq ≥ geqslant ≥ ne ≠ neq ≠ lt < gt > ll ≪ gg ≫ approx ≈ equiv ≡ sim
    ∼ simeq ≃ cong ≅ propto ∝ doteq ≐ triangleq ≜ coloneqq ≔ asymp ≍ prec ≺ succ ≻ preceq ⪯ succeq ⪰
    in ∈ ni ∋ notin ∉ subset ⊂ subseteq ⊆ subsetneq ⊊ supset ⊃ supseteq ⊇ supsetneq ⊋ nsubseteq ⊈
    mid ∣ nmid ∤ parallel ∥ nparallel ∦ perp ⟂ vdash ⊢ models ⊨ vDash ⊨
    to → rightarrow → longrightarrow ⟶ gets ← leftarrow ← longleftarrow ⟵ leftrightarrow ↔
    Rightarrow ⇒ Longrightarrow ⟹ implies ⟹ Leftarrow ⇐ impliedby ⟸ Leftrightarrow ⇔
    Longleftrightarrow ⟺ iff ⟺ mapsto ↦ longmapsto ⟼ hookrightarrow ↪ rightharpoonup ⇀
    rightleftharpoons ⇌ leftrightharpoons ⇋ uparrow ↑ downarrow ↓ updownarrow ↕ nearrow ↗ searrow ↘
    therefore ∴ because ∵
    """
)
_LARGE = _pairs(
    """
    sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂
    bigwedge ⋀ bigvee ⋁ lim lim limsup limsup liminf liminf
    """
)
_OPENING = _pairs("lparen ( lbrack [ lbrace { langle ⟨ lfloor ⌊ lceil ⌈ lvert | lVert ‖")
_CLOSING = _pairs("rparen ) rbrack ] rbrace } rangle ⟩ rfloor ⌋ rceil ⌉ rvert | rVert ‖")
_BARS = _pairs("vert | Vert ‖ | ‖")
_FUNCTIONS = """
    sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp det dim ker deg
    arg hom max min sup inf gcd lcm Pr
"""

#: Every symbol by its command: its characters and its class.
SYMBOLS: dict[str, tuple[str, AtomKind]] = {
    **{name: (shown, "ordinary") for name, shown in _ORDINARY.items()},
    **{name: (shown, "binary") for name, shown in _BINARY.items()},
    **{name: (shown, "relation") for name, shown in _RELATIONS.items()},
    **{name: (shown, "large") for name, shown in _LARGE.items()},
    **{name: (shown, "open") for name, shown in (_OPENING | {"{": "{"}).items()},
    **{name: (shown, "close") for name, shown in (_CLOSING | {"}": "}"}).items()},
    **{name: (shown, "bar") for name, shown in _BARS.items()},
    **{name: (name, "function") for name in _FUNCTIONS.split()},
    **{name: (name, "ordinary") for name in "$#&_"},
    "%": ("%", "postfix"),
    "colon": (":", "punctuation"),
    "bmod": ("mod", "binary"),
}

#: The class of a character that stands for itself.
KINDS: dict[str, AtomKind] = {
    **dict.fromkeys("([⟨⌊⌈", "open"),
    **dict.fromkeys(")]⟩⌋⌉", "close"),
    **dict.fromkeys("|‖", "bar"),
    **dict.fromkeys("+-*", "binary"),
    **dict.fromkeys("=<>:", "relation"),
    **dict.fromkeys(",;", "punctuation"),
    **dict.fromkeys("!%°'′", "postfix"),
    **{shown: kind for shown, kind in SYMBOLS.values() if len(shown) == 1 and not shown.isascii()},
}

SPACES = {
    **dict.fromkeys((",", ":", ";", ">", " ", "\n", "enspace", "thinspace", "space"), " "),
    "quad": "  ",
    "qquad": "    ",
    "!": "",
}
#: Commands that say how large or where, and show nothing.
SILENT = _names(
    """
    displaystyle textstyle scriptstyle limits nolimits nonumber notag hline middle
    big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm rm bf it
    """
)
#: Commands whose argument is text, where spaces count.
TEXTS = _names("text textrm textbf textit textsf texttt textnormal mbox")
#: Commands whose argument is shown as it is.
FONTS = _names("mathrm mathbf mathit mathsf mathtt mathnormal boldsymbol bm pmb emph")
#: Alphabets by their names in Unicode.
_ALPHABETS = {
    "mathbb": "DOUBLE-STRUCK",
    "mathcal": "SCRIPT",
    "mathscr": "SCRIPT",
    "mathfrak": "FRAKTUR",
}
ALPHABETS = frozenset(_ALPHABETS)
#: Combining characters that go over or through one character.
ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "dot": "\u0307",
    "ddot": "\u0308",
    "vec": "\u20d7",
    "overrightarrow": "\u20d7",
}
#: What such a command is called where its argument is longer.
ACCENT_NAMES = {"widehat": "hat", "widetilde": "tilde", "overrightarrow": "vec"}
#: Combining characters that go over, under or through any number of them.
LINES = {
    "bar": "\u0304",
    "overline": "\u0305",
    "underline": "\u0332",
    "cancel": "\u0338",
    "not": "\u0338",
}

#: By script and character. Unicode has no more of them, and nothing for `q` that fonts know.
SCRIPTS = {
    "^": dict(
        zip(
            "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθϕφχ∘°′",
            "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵠᵡ°°′",
            strict=True,
        )
    ),
    "_": dict(
        zip(
            "0123456789+-=()aehijklmnoprstuvxβγρϕφχ",
            "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵩᵪ",
            strict=True,
        )
    ),
}


def in_alphabet(command: str, text: str) -> str:
    r"""Return the letters of `text` in the alphabet of a command such as `\mathbb`."""
    return "".join(_letter(_ALPHABETS[command], character) for character in text)


def _letter(alphabet: str, character: str) -> str:
    if not (character.isascii() and character.isalnum()):
        return character
    case = "CAPITAL" if character.isupper() else "SMALL"
    kind = f"{case} {character.upper()}" if character.isalpha() else unicodedata.name(character)
    # The oldest of these letters were named before the others and stand apart.
    older = alphabet.replace("FRAKTUR", "BLACK-LETTER")
    for name in (f"{older} {kind}", f"MATHEMATICAL {alphabet} {kind}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return character
