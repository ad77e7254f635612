//! One-byte codes with names; a code without one is kept as it is.

use core::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident {
        $($constant:ident = $value:literal, $en:literal, $zh:literal;)*
    }) => {
        $(#[$doc])*
        ///
        /// Unknown values stay what they are.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u8);

        impl $name {
            $(
                #[doc = concat!($en, " (", $zh, ").")]
                pub const $constant: Self = Self($value);
            )*

            /// Every value that has a name.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

            /// English and Chinese name, if it has them.
            #[must_use]
            pub const fn name(self) -> Option<crate::city::Name> {
                match self.0 {
                    $($value => Some(crate::city::Name { en: $en, zh: $zh }),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{:02X} {} {}", self.0, name.zh, name.en),
                    None => write!(f, "{:02X}", self.0),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

codes! {
    /// Transaction type (交易类型标识).
    Kind {
        PASSBOOK_LOAD = 0x01, "passbook load", "存折圈存";
        LOAD = 0x02, "load", "圈存";
        UNLOAD = 0x03, "unload", "圈提";
        WITHDRAWAL = 0x04, "passbook withdrawal", "存折取款";
        PASSBOOK_PURCHASE = 0x05, "passbook purchase", "存折消费";
        PURCHASE = 0x06, "purchase", "消费";
        OVERDRAFT_CHANGE = 0x07, "overdraft limit changed", "修改透支限额";
        CREDIT_PURCHASE = 0x08, "credit purchase", "信用消费";
        COMPOSITE = 0x09, "composite purchase", "复合消费";
    }
}
codes! {
    /// Trip type (行程类型), first byte of a trip record.
    TripKind {
        INITIAL = 0x00, "blank", "初始";
        CASH_ENTRY = 0x01, "e-cash entry", "电子现金进站";
        CASH_EXIT = 0x02, "e-cash exit", "电子现金出站";
        ENTRY = 0x03, "entry", "进站";
        EXIT = 0x04, "exit", "出站";
        CASH_SINGLE = 0x05, "e-cash single fare", "电子现金一票制";
        SINGLE = 0x06, "single fare", "一票制";
        CASH_MAKE_UP = 0x07, "e-cash make-up", "电子现金补登";
        MAKE_UP = 0x08, "make-up", "补登";
        CASH_TOP_UP = 0x09, "e-cash top-up", "电子现金充值";
        TOP_UP = 0x0A, "top-up", "充值";
        LOCK = 0x12, "locked", "锁卡";
    }
}
codes! {
    /// Industry (行业) of a trip.
    ///
    /// CONFLICT: one tool takes 01 for bus; every dump and three implementations say rail.
    Industry {
        RAIL = 0x01, "rail", "轨道交通";
        BUS = 0x02, "bus", "公共汽电车";
        FERRY = 0x03, "urban ferry", "城市轮渡";
        TAXI = 0x04, "taxi", "出租车";
        CAR_RENTAL = 0x05, "car rental", "汽车租赁";
        BICYCLE = 0x06, "public bicycle", "公共自行车";
        PARKING = 0x07, "parking", "停车";
        COACH = 0x08, "coach", "长途客运";
        SHIP = 0x09, "ship", "水路客运";
        HIGH_SPEED = 0x0A, "high-speed rail", "高铁";
        AVIATION = 0x0B, "aviation", "民航";
        TOLL = 0x0C, "expressway toll", "高速公路收费";
        SUBURBAN = 0x0E, "suburban rail", "市郊铁路";
    }
}
codes! {
    /// Card kind (卡种类型).
    CardKind {
        UNSTATED = 0x00, "not stated", "未说明";
        ORDINARY = 0x01, "ordinary", "普通卡";
        STUDENT = 0x02, "student", "学生卡";
        ELDER = 0x03, "elder", "老人卡";
        TEST = 0x04, "test", "测试卡";
        MILITARY = 0x05, "military", "军人卡";
    }
}
codes! {
    /// State of a rail record (轨道交通状态).
    RailState {
        INITIAL = 0x00, "blank", "初始";
        ENTERED = 0x01, "entered", "已进站";
        EXITED = 0x02, "exited", "已出站";
        ENTRY_UPDATED = 0x03, "entry updated", "进站更新";
        EXIT_UPDATED = 0x04, "exit updated", "出站更新";
    }
}
codes! {
    /// State of a bus record (公交状态).
    BusState {
        INITIAL = 0x00, "blank", "初始";
        ON_BOARD = 0x01, "on board", "已上车";
        ALIGHTED = 0x02, "alighted", "已下车";
    }
}
codes! {
    /// Transaction flag (交易标识) of a composite record.
    RideFlag {
        NONE = 0x00, "none", "无";
        SEGMENTED = 0x01, "segmented", "分段";
        PRE_AUTHORISED = 0x02, "pre-authorised", "预授权";
    }
}
codes! {
    /// Application lock flag (应用锁定标志) of a composite record.
    LockFlag {
        FREE = 0x00, "free", "未锁定";
        LOCKED = 0x01, "locked", "锁定";
    }
}
codes! {
    /// Direction (方向) of a bus.
    Direction {
        UP = 0xAB, "up", "上行";
        DOWN = 0xBA, "down", "下行";
    }
}
