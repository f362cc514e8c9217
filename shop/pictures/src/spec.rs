//! What is drawn, and in which glass.

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A vase with a belly.
    Vase,
    /// A vase with a neck.
    Bottle,
    /// A vase like a stone out of a river.
    Pebble,
    /// A straight vase.
    Cylinder,
    /// A glass without a stem.
    Tumbler,
    /// A glass with a stem.
    Goblet,
    /// A narrow glass with a stem.
    Flute,
    /// A bowl.
    Bowl,
    /// A plate, seen from above.
    Plate,
    /// A carafe.
    Carafe,
    /// A carafe with a handle.
    Jug,
    /// A lamp under a dome.
    Lamp,
    /// A ball that shines.
    Globe,
    /// A lamp that hangs.
    Pendant,
    /// A ball on a thread.
    Sphere,
    /// A drop on a thread.
    Drop,
    /// Twisted, on a thread.
    Icicle,
    /// A dome to lie on letters.
    Paperweight,
    /// A chain of beads.
    Beads,
    /// Leaded glass for a window.
    Panel,
    /// The furnace of a workshop.
    Furnace,
    /// The torch of a workshop.
    Torch,
    /// The kiln of a workshop.
    Kiln,
    /// The grinding wheel of a workshop.
    Wheel,
}

/// What its surface shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Nothing.
    Clear,
    /// Stripes from top to bottom.
    Stripes,
    /// Bands around it.
    Bands,
    /// Spots of several sizes.
    Dots,
    /// Ribbons that turn around it.
    Swirl,
    /// Cut diamonds.
    Facets,
    /// The second hue grows towards the foot.
    Fade,
}

/// How much colour is in the glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Tinted,
    Clear,
    Opal,
    Smoke,
    Deep,
}

/// How a piece looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub(crate) shape: Shape,
    /// Degrees on the colour wheel.
    pub(crate) hue: u16,
    pub(crate) hue2: u16,
    pub(crate) pattern: Pattern,
    /// Width in percent of the shape's usual one.
    pub(crate) width: u16,
    pub(crate) finish: Finish,
}

impl Spec {
    /// A piece of tinted glass: two hues in degrees on the colour wheel, and how wide it is in percent of the shape's usual width.
    pub const fn new(shape: Shape, hue: u16, hue2: u16, pattern: Pattern, width: u16) -> Self {
        Self { shape, hue, hue2, pattern, width, finish: Finish::Tinted }
    }

    /// A look by chance that the seed decides: one of these shapes, which must be at least one, in any hues, pattern and width.
    pub fn by_chance(seed: u64, shapes: &[Shape]) -> Self {
        const PATTERNS: [Pattern; 7] = [
            Pattern::Clear,
            Pattern::Stripes,
            Pattern::Bands,
            Pattern::Dots,
            Pattern::Swirl,
            Pattern::Facets,
            Pattern::Fade,
        ];
        // 16 bits of the seed, each time others.
        let pick = |shift: u32, n: u16| (seed >> shift) as u16 % n;
        let one_of = |shift: u32, n: usize| usize::from(pick(shift, u16::try_from(n).unwrap_or(u16::MAX)));
        let (hue, turn, width) = (pick(0, 360), pick(16, 120), 84 + pick(24, 36));
        let (shape, pattern) = (shapes[one_of(32, shapes.len())], PATTERNS[one_of(44, PATTERNS.len())]);
        Self::new(shape, hue, (hue + 300 + turn) % 360, pattern, width)
    }

    /// Of colourless glass: the hues are a breath of reflection.
    pub const fn clear(self) -> Self {
        Self { finish: Finish::Clear, ..self }
    }

    /// Of white glass.
    pub const fn opal(self) -> Self {
        Self { finish: Finish::Opal, ..self }
    }

    /// Of grey glass.
    pub const fn smoke(self) -> Self {
        Self { finish: Finish::Smoke, ..self }
    }

    /// Of glass so full of colour that little light comes through.
    pub const fn deep(self) -> Self {
        Self { finish: Finish::Deep, ..self }
    }

    /// A colour of this glass: what tinted glass would show, in percent, as the finish changes it.
    pub(crate) fn hsl(&self, hue: u16, saturation: u16, lightness: u16) -> String {
        let lighter = |percent: u16| lightness + (100 - lightness.min(100)) * percent / 100;
        match self.finish {
            Finish::Tinted => hsl(hue, saturation, lightness),
            Finish::Clear => hsl(hue, saturation * 42 / 100, lighter(24)),
            Finish::Opal => hsl(hue, saturation * 30 / 100, lighter(58)),
            Finish::Smoke => hsl(hue, saturation * 16 / 100, lightness * 84 / 100),
            Finish::Deep => hsl(hue, (saturation * 118 / 100).min(100), lightness * 70 / 100),
        }
    }

    /// How much the wall hides, in percent, where tinted glass hides this much.
    pub(crate) fn opacity(&self, percent: u16) -> u16 {
        match self.finish {
            Finish::Tinted | Finish::Smoke => percent,
            Finish::Clear => percent * 70 / 100,
            Finish::Opal => percent + (100 - percent) * 70 / 100,
            Finish::Deep => percent + (100 - percent) * 55 / 100,
        }
    }
}

/// A colour: hue in degrees, saturation and lightness in percent.
pub(crate) fn hsl(hue: u16, saturation: u16, lightness: u16) -> String {
    format!("hsl({hue},{saturation}%,{lightness}%)")
}
